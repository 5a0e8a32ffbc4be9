#!/usr/bin/env python3
"""What rounding to BF16, or FP16, changes in the embeddings of a random model, by what is rounded; everything else is FP32.

Usage: rounding.py [--model dnabert|8M|35M|...] [--type bf16|fp16] [--rows 64] [--longest 110] [--device cpu]
Prints for each case the median relative error of a row, the largest, how much of the error all rows have in common, and what
is left of the error of every other row when the mean error of the rest is taken back, and when a linear function of the
embedding is, as a bundle does it (src/models/calibration/take-back.ts).
What is between the layers (their sums) stays FP32. Needs PyTorch and onnx; DNABERT-S takes about five minutes on two cores.
"""

import argparse

import torch

import model
from baselines_dnabert import SHAPE as DNABERT
from baselines_esm import shape_of
from engine import emit, table
from model import Weights, random_batch, reference

exact_linear, exact_norm = model.linear, model.norm
WEIGHTS = ("norms", "products", "biases", "embeddings")
CASES = {
    "weights of layer norms": {"norms"},
    "weights of products": {"products"},
    "biases of products": {"biases"},
    "embedding tables": {"embeddings"},
    "all weights": set(WEIGHTS),
    "results of products and norms": {"results"},
    "all of these": {*WEIGHTS, "results"},
    "all but the weights of layer norms": {"products", "biases", "embeddings", "results"},
}


TYPES = {"bf16": torch.bfloat16, "fp16": torch.float16}


def rounded(x):
    return x.to(TYPES[rounded.type]).float()


def kind_of(name):
    if name.startswith(("embed.", "token_types")):
        return "embeddings"
    if "norm" in name:
        return "norms"
    return "biases" if name.endswith(".bias") else "products"


class Rounded:
    """The tensors of a model, those of some kinds rounded."""

    def __init__(self, weights, kinds):
        self.weights, self.shape, self.kinds = weights, weights.shape, kinds

    def __getitem__(self, name):
        value = self.weights[name]
        return rounded(value) if kind_of(name) in self.kinds else value


def embeddings(weights, ids, lengths, kinds):
    after = rounded if "results" in kinds else lambda x: x
    model.linear = lambda *a, **k: after(exact_linear(*a, **k))
    model.norm = lambda *a, **k: after(exact_norm(*a, **k))
    try:
        return reference(Rounded(weights, kinds), ids, lengths, tokens_at_once=2048)
    finally:
        model.linear, model.norm = exact_linear, exact_norm


def taken_back(known, error, others):
    """What is added to the other rows: by ridge regression, the penalty that of the smallest error of left-out rows."""
    x, y = known - known.mean(0), error - error.mean(0)
    count = len(x)
    values, vectors = torch.linalg.eigh(x.double() @ x.double().T)
    along, found = vectors.T @ y.double(), []
    for penalty in (float("inf"), 10, 3, 1, 0.3, 0.1, 0.03):
        shares = values / (values + penalty * values.mean())
        left = y - (vectors * shares) @ along
        own = 1 / count + (vectors**2 * shares).sum(1)
        found.append((((left / (1 - own)[:, None]) ** 2).sum().item(), penalty))
    penalty = min(found)[1]
    weights = vectors / (values + penalty * values.mean()) @ along
    return error.mean(0) + ((others - known.mean(0)) @ x.T).double() @ weights


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="dnabert")
    parser.add_argument("--type", choices=TYPES, default="bf16")
    parser.add_argument("--rows", type=int, default=64)
    parser.add_argument("--longest", type=int, default=110)
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    rounded.type = options.type
    shape = DNABERT if options.model == "dnabert" else shape_of(options.model)
    weights = Weights(shape, seed=2, device=options.device)
    generator = torch.Generator().manual_seed(7)
    lengths = torch.randint(options.longest // 3, options.longest + 1, (options.rows,), generator=generator).sort().values
    vocabulary = shape["vocabulary"]
    ids, lengths = random_batch(options.rows, options.longest, vocabulary, lengths, 3, shape["kind"], options.device)
    rows = []
    with torch.no_grad():
        exact = embeddings(weights, ids, lengths, set())
        for name, kinds in CASES.items():
            rounded_rows = embeddings(weights, ids, lengths, kinds)
            difference = rounded_rows - exact
            error = difference.norm(dim=1) / exact.norm(dim=1)
            row = {"rounded": name, "error_median": error.median().item(), "error_max": error.max().item()}
            row["in_common"] = (difference.mean(0).norm() / difference.norm(dim=1).mean()).item()
            back = difference[::2].mean(0)
            row["left_median"] = ((difference[1::2] - back).norm(dim=1) / exact[1::2].norm(dim=1)).median().item()
            back = taken_back(rounded_rows[::2], difference[::2], rounded_rows[1::2])
            row["left_linear"] = ((difference[1::2] - back).norm(dim=1) / exact[1::2].norm(dim=1)).median().item()
            rows.append(row)
            emit(row)
    table(rows, ["rounded", "error_median", "error_max", "in_common", "left_median", "left_linear"])


if __name__ == "__main__":
    main()
