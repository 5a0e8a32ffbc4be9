"""Batches of rows of about equal length, up to a budget of tokens and to what the model takes."""

import numpy as np


class Limits:
    """Shapes that a model takes, written as ROWSxTOKENS,...: most rows for rows up to so many tokens. Empty: all."""

    def __init__(self, text, token_budget):
        pairs = [tuple(map(int, shape.split("x"))) for shape in text.split(",") if shape]
        self.shapes = sorted((tokens, rows) for rows, tokens in pairs)
        self.token_budget = token_budget

    def rows(self, tokens):
        """Most rows in a batch whose longest has so many tokens; a row longer than the budget goes alone."""
        by_budget = max(1, self.token_budget // tokens)
        if not self.shapes:
            return by_budget
        for most, rows in self.shapes:
            if tokens <= most:
                return min(rows, by_budget)
        raise ValueError(f"a sequence has {tokens} tokens; the model takes up to {self.shapes[-1][0]}")


def plan(rows, limits):
    """Indices of rows, batch by batch, longest rows first."""
    order = sorted(range(len(rows)), key=lambda index: -len(rows[index]))
    batches = []
    room = 0
    for index in order:
        # The first row of a batch is its longest: every other is padded to it.
        if room == 0:
            batches.append([])
            room = limits.rows(len(rows[index]))
        batches[-1].append(index)
        room -= 1
    return batches


def pad(rows, pad_id):
    """INT32 [B,T] filled up with `pad_id`, and INT32 [B] with the length of each row."""
    lengths = np.array([len(row) for row in rows], np.int32)
    ids = np.full((len(rows), lengths.max()), pad_id, np.int32)
    for index, row in enumerate(rows):
        ids[index, : len(row)] = row
    return ids, lengths
