"""Whether the arrays of a request are a batch of token ids."""


def problem(ids, lengths, vocabulary, minimum_length):
    """What is wrong with INT32 ids [B,T] and lengths [B]; None when nothing is."""
    rows, width = ids.shape
    if rows == 0 or width == 0:
        return f"input_ids: expected at least one row and one column, got {list(ids.shape)}"
    if lengths.shape != (rows,):
        return f"lengths: expected [{rows}] as input_ids has {rows} rows, got {list(lengths.shape)}"
    if lengths.min() < minimum_length or lengths.max() > width:
        return f"lengths: expected {minimum_length} to {width} tokens, got {lengths.min()} to {lengths.max()}"
    if ids.min() < 0 or ids.max() >= vocabulary:
        return f"input_ids: expected ids from 0 to {vocabulary - 1}, got {ids.min()} to {ids.max()}"
    return None
