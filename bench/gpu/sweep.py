#!/usr/bin/env python3
"""Builds and times forms of a graph, cut to a few layers, and compares each with an FP32 reference in PyTorch.

Usage: sweep.py --graphs FOLDER --model esm2-3B [--forms base,gelu,...] [--layers 4] [--levels 3] [--seconds 540]
                [--batches 320x51,96x168] [--profiles 1x2:320x51:1024x64,1x65:96x168:248x256] [--work DIR] [--detail]
Prints one line of JSON per form as it is measured, and a table, best first. Stops starting new forms when the time
given is used up. Tokens/s are given for the whole model: those of the cut one, scaled by its share of the layers.
"""

import argparse
import os
import shutil
import time
import traceback

import torch

from engine import Engine, build, by_kind, emit, gemm_ceiling, pairs, table
from model import Weights, agreement, load_shape, materialize, random_batch, reference
from plan_speed import measure


def parse_profiles(text):
    keys = ("min", "opt", "max")
    return [dict(zip(keys, ([int(n) for n in shape.split("x")] for shape in part.split(":")))) for part in text.split(",")]


def check(engine, weights, options):
    """Fidelity on rows of mixed lengths, batched by length as the program does; and a row alone against its batch."""
    kind, rows = weights.shape["kind"], options.check_rows
    longest = max(length for _, length in pairs(options.batches))
    if options.proteins and kind == "esm2":
        with open(options.proteins) as file:
            ids, lengths = proteins(file, rows)
    else:
        generator = torch.Generator().manual_seed(7)
        lengths = torch.randint(3 if kind == "esm2" else 2, longest + 1, (rows,), generator=generator).sort().values
        lengths[0], lengths[-1] = 3, longest
        ids, lengths = random_batch(rows, longest, weights.shape["vocabulary"], lengths, 3, kind)
    ours, theirs = [], []
    for i in range(0, rows, 96):
        n = lengths[i : i + 96].contiguous()
        batch = ids[i : i + 96, : int(n.max())].contiguous()
        ours.append(engine(batch, n).clone())
        theirs.append(reference(weights, batch, n))
    ours, theirs = torch.cat(ours), torch.cat(theirs)
    result = agreement(ours, theirs)
    result["calls_agree"] = calls_agree(ours, theirs)
    some = list(range(0, rows, max(1, rows // 16)))
    alone = torch.cat([engine(ids[i : i + 1, : int(lengths[i])].contiguous(), lengths[i : i + 1].contiguous()).clone() for i in some])
    result["alone_error_max"] = agreement(alone, ours[some])["relative_error_max"]
    return result


def proteins(lines, count, device="cuda"):
    """So many proteins, evenly spread by length, as ids and lengths sorted by length."""
    letters = {letter: 4 + i for i, letter in enumerate("LAGVSERTIDPKQNFYMHWCXBUZO")}
    found = sorted((line.strip() for line in lines if line.strip()), key=len)
    found = [found[i * len(found) // count] for i in range(count)]
    ids = torch.ones(count, len(found[-1]) + 2, dtype=torch.int32)
    for row, text in zip(ids, found):
        row[: len(text) + 2] = torch.tensor([0, *(letters[c] for c in text), 2])
    return ids.to(device), torch.tensor([len(text) + 2 for text in found], dtype=torch.int32, device=device)


def calls_agree(ours, theirs):
    """Share of equal calls by a random classifier that looks at what differs between sequences."""
    generator = torch.Generator(ours.device).manual_seed(11)
    mean, std = theirs.mean(0), theirs.std(0)
    first = torch.randn(ours.shape[1], 256, generator=generator, device=ours.device) * ours.shape[1] ** -0.5
    last = torch.randn(256, generator=generator, device=ours.device)
    scores = [torch.relu((x - mean) / std @ first) @ last for x in (theirs, ours)]
    middle = scores[0].median()
    return ((scores[0] > middle) == (scores[1] > middle)).double().mean().item()


def one(options, form, level, weights, whole):
    work = os.path.join(options.work, f"{options.model}-{form}-{options.layers}-{level}")
    graph = os.path.join(options.graphs, f"{options.model}-{form}")
    path, shape, _ = materialize(graph, work, options.layers, weights=weights)
    plan = os.path.join(work, "model.plan")
    request = {
        "onnx": path,
        "plan": plan,
        "profiles": parse_profiles(options.profiles),
        "optimizationLevel": level,
        "timingCache": options.timing_cache or os.path.join(options.work, f"timing-{level}.cache"),
    }
    built = build(request)
    os.unlink(os.path.join(work, "weights.bin"))
    engine = Engine(plan)
    row = {"form": form, "level": level, "build_s": built["seconds"], "fused_attention": engine.fused_attention(), "layers": shape["layers"]}
    for rows, length in pairs(options.batches):
        m = measure(engine, shape, rows, length, repeats=15)
        share = shape["layers"] / whole["layers"]
        row[f"tok/s {rows}x{length}"] = m["tokens_per_s"] * share
        row[f"TF {rows}x{length}"] = m["tflops"]
    row.update(check(engine, weights, options))
    if options.detail:
        ids, lengths = random_batch(*pairs(options.batches)[0], shape["vocabulary"], kind=shape["kind"])
        times = engine.layer_milliseconds(ids, lengths)
        row["by_kind_ms"] = by_kind(times)
        for name, ms in times:
            if ms > 0.004:
                print(f"  {ms:8.4f} ms  {name[:170]}", flush=True)
    if not options.keep:
        shutil.rmtree(work)
    return row


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--graphs", required=True)
    parser.add_argument("--model", default="esm2-3B")
    parser.add_argument("--forms", help="default: every form of the model that there is")
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--levels", default="3")
    parser.add_argument("--batches", default="320x51,96x168")
    parser.add_argument("--profiles", default="1x2:320x51:1024x64,1x65:96x168:248x256")
    parser.add_argument("--work", default="/tmp/sweep")
    parser.add_argument("--timing-cache")
    parser.add_argument("--seconds", type=float, default=540)
    parser.add_argument("--detail", action="store_true", help="time of each kernel")
    parser.add_argument("--check-rows", type=int, default=192)
    parser.add_argument("--proteins", help="file of proteins, one to a line, to check with instead of random ones")
    parser.add_argument("--keep", action="store_true", help="keep the plans")
    options = parser.parse_args()
    torch.backends.cuda.matmul.allow_tf32 = False
    start = time.time()
    prefix = f"{options.model}-"
    names = sorted(name[len(prefix) :] for name in os.listdir(options.graphs) if name.startswith(prefix))
    forms = options.forms.split(",") if options.forms else names
    whole = load_shape(os.path.join(options.graphs, prefix + forms[0]))
    options.layers = min(options.layers, whole["layers"])
    weights = Weights({**whole, "layers": options.layers})
    print(f"GPU {torch.cuda.get_device_name()}, bf16 GEMM ceiling {gemm_ceiling():.0f} TFLOP/s", flush=True)
    rows = []
    for level in (int(n) for n in options.levels.split(",")):
        for form in forms:
            if time.time() - start > options.seconds:
                print(f"out of time: {form} at level {level} not measured", flush=True)
                continue
            try:
                row = one(options, form, level, weights, whole)
                rows.append(row)
                emit(row)
            except Exception as error:  # one form that cannot be built must not end the sweep
                traceback.print_exc()
                emit({"form": form, "level": level, "error": str(error)[:500]})
    speeds = [f"tok/s {r}x{t}" for r, t in pairs(options.batches)]
    rows.sort(key=lambda row: -row[speeds[0]])
    print(f"{options.model}, {options.layers} of {whole['layers']} layers; {time.time() - start:.0f} s")
    table(rows, ["form", "level", *speeds, "cosine_min", "cosine_mean", "relative_error_max", "calls_agree", "alone_error_max", "fused_attention", "build_s"])


if __name__ == "__main__":
    main()
