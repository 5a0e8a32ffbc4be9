"""Which profile of a TensorRT plan takes a batch. A profile is (min, opt, max), each the shape (rows, tokens)."""


class ShapeError(ValueError):
    """No profile takes the batch."""


def profile_for(profiles, rows, tokens):
    """Index of the profile whose lengths hold `tokens`; there is one at most, as ranges of lengths do not overlap."""
    for index, (low, _, high) in enumerate(profiles):
        if low[1] <= tokens <= high[1]:
            if low[0] <= rows <= high[0]:
                return index
            raise ShapeError(
                f"a batch of {rows} rows of {tokens} tokens: the plan takes {low[0]} to {high[0]} rows "
                f"of {low[1]} to {high[1]} tokens"
            )
    ranges = ", ".join(f"{low[1]} to {high[1]}" for low, _, high in profiles)
    raise ShapeError(f"a batch of {rows} rows of {tokens} tokens: the plan takes rows of {ranges} tokens")


def largest(profiles):
    """Most rows and most tokens, padding counted, of any batch."""
    return max(high[0] for _, _, high in profiles), max(high[0] * high[1] for _, _, high in profiles)
