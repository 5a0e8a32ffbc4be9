"""Tokenizers of ESM-2 and DNABERT-S in plain Python: no package is needed in the server."""

import heapq
import json
import re


class EsmTokenizer:
    """<cls> 0, one id for each residue, <eos> 2."""

    LETTERS = {letter: 4 + index for index, letter in enumerate("LAGVSERTIDPKQNFYMHWCXBUZO.-")}

    def encode(self, protein):
        try:
            return [0, *(self.LETTERS[letter] for letter in protein), 2]
        except KeyError as error:
            at = protein.index(error.args[0])
            raise ValueError(
                f"ESM-2 has no token for {error.args[0]!r} at residue {at + 1}: "
                "expected upper-case amino acids, or X for an unknown one"
            ) from None


class DnaTokenizer:
    """
    Byte-pair encoding of a tokenizer.json. Letters outside the model's alphabet are one [UNK] each, and no token reaches
    across them; blanks are dropped.
    """

    def __init__(self, path):
        with open(path, encoding="utf-8") as file:
            settings = json.load(file)
        model = settings["model"]
        self.ids = model["vocab"]
        self.unknown = self.ids[model["unk_token"]]
        merges = [tuple(merge.split(" ")) if isinstance(merge, str) else tuple(merge) for merge in model["merges"]]
        self.ranks = {pair: rank for rank, pair in enumerate(merges)}
        self.added = {token["content"]: token["id"] for token in settings["added_tokens"]}
        template = settings["post_processor"]
        parts = template["single"]
        at = next(index for index, part in enumerate(parts) if "Sequence" in part)

        def special(some):
            return [id for part in some for id in template["special_tokens"][part["SpecialToken"]["id"]]["ids"]]

        self.prefix, self.suffix = special(parts[:at]), special(parts[at + 1 :])

        letters = [token for token in self.ids if len(token) == 1]
        kinds = [[re.escape(letter) for letter in letters if bool(re.match(r"\w", letter)) == word] for word in (True, False)]
        names = sorted(map(re.escape, self.added), key=len, reverse=True)
        runs = [f"[{''.join(kind)}]+" for kind in kinds if kind]
        self.pieces = re.compile(
            f"(?P<added>{'|'.join(names) or '(?!)'})|(?P<run>{'|'.join(runs)})|[\t\n\v\f\r ]|(?P<other>.)", re.DOTALL
        )

    def encode(self, dna):
        ids = list(self.prefix)
        for piece in self.pieces.finditer(dna):
            if piece.lastgroup == "run":
                ids.extend(self.ids[token] for token in self.merged(piece.group()))
            elif piece.lastgroup == "added":
                ids.append(self.added[piece.group()])
            elif piece.lastgroup == "other":
                ids.append(self.unknown)
        return ids + self.suffix

    def merged(self, word):
        """Of all pairs of neighbours that may merge, the lowest rank goes first, and among equals the leftmost."""
        tokens = list(word)
        after = list(range(1, len(tokens) + 1))
        before = list(range(-1, len(tokens) - 1))
        queue = []

        def consider(left, right):
            if left >= 0 and right < len(tokens):
                rank = self.ranks.get((tokens[left], tokens[right]))
                if rank is not None:
                    heapq.heappush(queue, (rank, left, tokens[left], tokens[right]))

        for left in range(len(tokens) - 1):
            consider(left, left + 1)
        while queue:
            _, left, first, second = heapq.heappop(queue)
            right = after[left]
            # An entry outlives its pair when one of the two has merged with another neighbour since.
            if right >= len(tokens) or tokens[left] != first or tokens[right] != second:
                continue
            tokens[left], tokens[right] = first + second, None
            after[left] = after[right]
            if after[left] < len(tokens):
                before[after[left]] = left
            consider(before[left], left)
            consider(left, after[left])
        return [token for token in tokens if token is not None]
