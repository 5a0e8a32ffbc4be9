"""The tables of a run, of the original and of Broad's fork, by the documented rules.

The consensus goes through pandas, as it does in both programs: quotes in ids and the last digits of scores depend on it.
"""
import io

import numpy as np
import pandas


def call(scores):
    """A frame is a virus where the second score is the larger one; a tie is not."""
    return "virus" if scores[1] > scores[0] else "others"


def score_text(layout, value):
    """The original prints the shortest float32, Broad's fork the same number as a double."""
    return str(np.float32(value)) if layout == "vanilla" else repr(float(np.float32(value)))


def predictions(layout, ids, scores):
    lines = ["Sequence_ID\tPrediction\tscore1\tscore2"]
    for name, row in zip(ids, scores):
        lines.append("\t".join([name, call(row), *(score_text(layout, value) for value in row)]))
    return "\n".join(lines) + "\n"


def consensus(layout, table):
    """The best score of each class over the frames of a chunk decides; here a tie is a virus."""
    frame = pandas.read_csv(io.StringIO(table), sep="\t")
    frame["Modified_ID"] = frame["Sequence_ID"].str[:-2]
    # The original's rows are sorted, those of Broad's fork stay in the order in which they appear.
    best = frame.groupby("Modified_ID", sort=layout == "vanilla")[["score1", "score2"]].max().reset_index()
    best["Is_Virus"] = best["score2"] >= best["score1"]
    columns = ["Modified_ID", "Is_Virus"]
    if layout == "broad":
        best = best.rename(columns={"score1": "max_score_0", "score2": "max_score_1"})
        columns += ["max_score_0", "max_score_1"]
    return best[columns].to_csv(sep="\t", index=False, lineterminator="\n")
