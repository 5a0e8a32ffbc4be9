"""Compares a run with that of the original, file by file, and prints one line for each difference.

Usage: compare.py OUTPUT_FOLDER REFERENCE_FOLDER
FASTA files must be the same to the byte, tables in their ids, calls and the way scores are written, and files of vectors in
keys, types, ids and shapes; vectors may differ by 2e-5 and scores by 2e-4. The last line starts with PASS or FAIL.
"""
import os
import re
import sys

import numpy as np
import torch

VECTORS, SCORES = 2e-5, 2e-4


def files(folder):
    """Paths below a folder, without those of the program's own records and reports."""
    found = []
    for at, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".") and not name.endswith("_report")]
        found += [os.path.relpath(os.path.join(at, name), folder) for name in names if name != "case.json"]
    return {name for name in found if re.search(r"\.(fa|faa|pt|txt|csv)$", name)}


def table(path):
    with open(path, encoding="utf-8", newline="") as file:
        return [line.split("\t") for line in file.read().split("\n")]


def largest(got, wanted, limit):
    difference = (got.double() - wanted.double()).abs().max().item() if len(wanted) else 0.0
    return [] if difference <= limit else [f"numbers differ by {difference}"]


def compare_tables(got, wanted):
    rows, wanted_rows = table(got), table(wanted)
    faults = []
    if [row[:2] for row in rows] != [row[:2] for row in wanted_rows]:
        faults.append("other ids, calls or order")
    scores, wanted_scores = ([word for row in part[1:] for word in row[2:]] for part in (rows, wanted_rows))
    if any(str(np.float32(word)) != word for word in scores):
        faults.append("a score is not the shortest text of its float32")
    if len(scores) != len(wanted_scores):
        return [*faults, "another number of scores"]
    numbers = [torch.tensor([float(word) for word in words]) for words in (scores, wanted_scores)]
    return faults + largest(*numbers, SCORES)


def shape(value):
    """A value with its numbers left out."""
    if torch.is_tensor(value):
        return "tensor", value.dtype, tuple(value.shape)
    if isinstance(value, dict):
        return [(key, shape(one)) for key, one in value.items()]
    if isinstance(value, list):
        return [shape(one) for one in value]
    return "number" if isinstance(value, float) else value


def numbers(data):
    if torch.is_tensor(data):
        return data
    return torch.stack([row if torch.is_tensor(row) else torch.tensor(row["mean_representation"]) for row in data])


def compare_vectors(got, wanted):
    found, expected = (torch.load(path, weights_only=True) for path in (got, wanted))
    if shape(found) != shape(expected):
        return ["other keys, types, ids or shapes"]
    return largest(numbers(found["data"]), numbers(expected["data"]), VECTORS)


def compare_texts(got, wanted):
    with open(got, "rb") as one, open(wanted, "rb") as other:
        return [] if one.read() == other.read() else ["other bytes"]


def compare(name, got, wanted):
    if name.endswith((".txt", ".csv")):
        return compare_tables(got, wanted)
    return (compare_vectors if name.endswith(".pt") else compare_texts)(got, wanted)


def main():
    output, reference = sys.argv[1:]
    there, wanted = files(output), files(reference)
    faults = [f"{name}: {'missing' if name in wanted else 'not expected'}" for name in sorted(there ^ wanted)]
    for name in sorted(there & wanted):
        faults += [f"{name}: {fault}" for fault in compare(name, f"{output}/{name}", f"{reference}/{name}")]
    print("\n".join([*faults, f"{'FAIL' if faults or not wanted else 'PASS'} {len(wanted)} files"]))
    sys.exit(1 if faults or not wanted else 0)


if __name__ == "__main__":
    main()
