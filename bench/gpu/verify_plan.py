#!/usr/bin/env python3
"""Compares plans with the FP32 models of the same weights in PyTorch, on rows of mixed length.

Usage: verify_plan.py --models DIR --plans DIR... --rows rows.jsonl [--judge 2000] [--classifiers 5]
DIR of models is that of make_models.py; rows are those of make-reads.ts. Prints one line of JSON for each plan: cosine,
NaN, what a row alone and a row with 16 more columns of padding differ from the row in its batch; and for each DIR of plans
one line for calls. The first rows are judged. The others train VirNucPro's classifier to tell viral rows from the rest, with
the embeddings of the first DIR's plans; its calls of the judged rows are compared, and beside them calls that cut at the
median of its scores, which any difference between sequences moves. Several classifiers are trained, from other random
weights each, since a handful of calls that differ say little: shares are means over all. A DIR may have links in place of
the plan of a model that another DIR has too, which is then computed once. Rows that are longer than one of the plans takes
are left out, and counted.
"""

import argparse
import glob
import json
import os
import statistics
import sys

import torch

from engine import Engine, emit
from make_models import HalfWeights
from model import agreement, reference
from sweep import calls_agree
from training import PAD, embeddings, padded, trained


def bounds(engine):
    """The longest row of each profile, shortest first."""
    return sorted(high[1] for _, _, high in engine.profiles())


def fitting(lines, limits):
    """The lines whose rows all plans take."""
    most = {model: min(longest[-1] for (other, _), longest in limits.items() if other == model) for model in PAD}
    fit = [line for line in lines if all(len(line[model]) <= most[model] for model in most)]
    if len(fit) < len(lines):
        longest = ", ".join(f"{model} {length}" for model, length in most.items())
        print(f"left out: {len(lines) - len(fit)} of {len(lines)} rows, longer than the plans take: {longest}", file=sys.stderr)
    if not fit:
        raise SystemExit("error: no row is short enough for the plans")
    return fit


def exact(model, options, rows, longest):
    """Embeddings in FP32."""
    with open(os.path.join(options.models, f"{model}.shape.json")) as file:
        weights = HalfWeights(json.load(file), seed=1 if model == "esm2" else 2)
    return embeddings(lambda ids, lengths: reference(weights, ids, lengths), rows, PAD[model], longest)


def examine(model, path, engine, theirs, rows, others):
    """Embeddings of rows and of others by a plan, the first compared with those in FP32."""
    longest, pad = bounds(engine), PAD[model]
    ours = embeddings(engine, rows, pad, longest)
    row = {"model": model, "plan": path, "fused_attention": engine.fused_attention(), **agreement(ours, theirs)}
    row["sensitive_calls_agree"] = calls_agree(ours, theirs)
    some = list(range(0, len(rows), max(1, len(rows) // 64)))
    alone = torch.cat([engine(*padded([rows[i]], pad)).clone() for i in some])
    wider = torch.cat([engine(*padded([rows[i]], pad, min(len(rows[i]) + 16, longest[-1]))).clone() for i in some])
    rounding = (ours - theirs).norm(dim=1) / theirs.norm(dim=1)
    row["alone_error_max"] = agreement(alone, ours[some])["relative_error_max"]
    row["padding_error_max"] = agreement(wider, ours[some])["relative_error_max"]
    row["error_median"] = rounding.median().item()
    extremes = [max(range(len(rows)), key=lambda i: len(rows[i])), min(range(len(rows)), key=lambda i: len(rows[i]))]
    row["longest"], row["shortest"] = (len(rows[i]) for i in extremes)
    row["extremes_finite"] = bool(torch.isfinite(ours[extremes]).all())
    emit(row)
    return ours, embeddings(engine, others, pad, longest) if others else ours[:0]


def calls_of_all(classifiers, ours, theirs, viral):
    found = [calls(classifier, ours, theirs, viral) for classifier in classifiers]
    how = {"calls_that_differ": list, "differ_up_to_score": max, "score_error_max": max}
    return {key: how.get(key, statistics.mean)([one[key] for one in found]) for key in found[0]}


def calls(classifier, ours, theirs, viral):
    with torch.no_grad():
        ours, theirs = (classifier(features).softmax(1)[:, 1] for features in (ours, theirs))
    middle, differ = theirs.median(), (ours > 0.5) != (theirs > 0.5)
    return {
        "calls_agree": (~differ).double().mean().item(),
        "calls_that_differ": int(differ.sum()),
        # Calls with scores farther from 0.5 all agree.
        "differ_up_to_score": 0.5 + ((theirs - 0.5).abs() * differ).max().item(),
        "calls_right": ((theirs > 0.5) == viral.bool()).double().mean().item(),
        "scores_near_half": ((theirs - 0.5).abs() < 0.01).double().mean().item(),
        "median_calls_agree": ((ours > middle) == (theirs > middle)).double().mean().item(),
        "score_error_max": (ours - theirs).abs().max().item(),
        "score_error_mean": (ours - theirs).abs().mean().item(),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", required=True)
    parser.add_argument("--plans", required=True, nargs="+")
    parser.add_argument("--rows", required=True)
    parser.add_argument("--judge", type=int, default=2000)
    parser.add_argument("--classifiers", type=int, default=5)
    options = parser.parse_args()
    if options.classifiers < 1:
        parser.error("--classifiers: at least one")
    torch.backends.cuda.matmul.allow_tf32 = False
    with open(options.rows) as file:
        lines = [json.loads(line) for line in file]
    # By the file itself, which several folders may have; shown as it was given.
    plans = {folder: {model: (model, plan_of(folder, model)) for model in PAD} for folder in options.plans}
    shown = {plan: os.path.join(folder, plan[0]) for folder in reversed(plans) for plan in plans[folder].values()}
    # One in memory at a time, and none beside the model in FP32.
    limits = {plan: bounds(Engine(plan[1])) for plan in shown}
    if len(lines) > options.judge and "viral" not in lines[0]:
        raise SystemExit(f"error: {options.rows} does not say which rows are viral: make it again with make-reads.ts --rows")
    given = len(lines)
    lines = fitting(lines, limits)
    judged, others = lines[: options.judge], lines[options.judge :]
    theirs, found = {}, {}
    for plan in sorted(shown):
        model = plan[0]
        rows, more = ([line[model] for line in some] for some in (judged, others))
        if model not in theirs:
            theirs[model] = exact(model, options, rows, limits[plan])
        found[plan] = examine(model, shown[plan], Engine(plan[1]), theirs[model], rows, more)
    if not others:
        print("no calls: no rows are left to train a classifier with", file=sys.stderr)
        return
    viral = torch.tensor([int(line["viral"]) for line in lines], device="cuda")
    first = torch.cat([found[plan][1] for plan in plans[options.plans[0]].values()], dim=1)
    classifiers = [trained(first, viral[len(judged) :], seed) for seed in range(5, 5 + options.classifiers)]
    counts = {"classifiers": len(classifiers), "rows": len(judged), "trained_with": len(others), "rows_left_out": given - len(lines)}
    reference_features = torch.cat([theirs[model] for model in PAD], dim=1)
    for folder, both in plans.items():
        ours = torch.cat([found[plan][0] for plan in both.values()], dim=1)
        agreed = calls_of_all(classifiers, ours, reference_features, viral[: len(judged)])
        emit({"model": "classifier", "plans": folder, **counts, **agreed})


def plan_of(folder, model):
    path = glob.glob(os.path.join(folder, model, "*.plan"))
    if not path:
        raise SystemExit(f"error: {folder} has no plan of {model}")
    return os.path.realpath(path[0])


if __name__ == "__main__":
    main()
