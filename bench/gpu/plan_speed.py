#!/usr/bin/env python3
"""Speed of TensorRT plans: tokens/s and TFLOP/s for given batches, and the share of the GPU's GEMM ceiling.

Usage: plan_speed.py --shape SHAPE.json [--batches 320x51,640x51,96x168] [--padded 8] [--layers] [--graph] PLAN...
`--padded N` adds batches whose rows are padded up to a multiple of N, counting only the tokens in them. A batch that no
profile of a plan takes is left out.
"""

import argparse
import json
import statistics
import sys

from engine import Engine, by_kind, emit, gemm_ceiling, pairs, table
from model import flops_per_token, random_batch


def measure(engine, shape, rows, length, padded=1, graph=False, repeats=20):
    import torch

    width = -(-length // padded) * padded
    lengths = torch.full((rows,), length, dtype=torch.int32)
    ids, lengths = random_batch(rows, width, shape["vocabulary"], lengths, kind=shape["kind"])
    times = (engine.graph_milliseconds if graph else engine.milliseconds)(ids, lengths, repeats)
    seconds = statistics.median(times) / 1e3
    tokens = rows * length
    return {
        "rows": rows,
        "length": length,
        "padded_to": width,
        "cuda_graph": graph,
        "ms": seconds * 1e3,
        "ms_min": min(times),
        "ms_max": max(times),
        "tokens_per_s": tokens / seconds,
        "rows_per_s": rows / seconds,
        "tflops": flops_per_token(shape, length) * tokens / seconds / 1e12,
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", required=True)
    parser.add_argument("--batches", default="320x51,640x51,160x51,96x168,48x168")
    parser.add_argument("--padded", type=int, nargs="*", default=[])
    parser.add_argument("--layers", action="store_true", help="time of each kind of kernel, for the first batch")
    parser.add_argument("--graph", action="store_true", help="also with a CUDA graph")
    parser.add_argument("plans", nargs="+")
    options = parser.parse_args()
    with open(options.shape) as file:
        shape = json.load(file)
    ceiling = gemm_ceiling()
    rows = []
    for path in options.plans:
        engine = Engine(path)
        emit({"plan": path, "profiles": engine.profiles(), "fused_attention": engine.fused_attention(), "layers": shape["layers"]})
        for batch in pairs(options.batches):
            for padded in (1, *options.padded):
                try:
                    engine.profile_for((batch[0], -(-batch[1] // padded) * padded))
                except ValueError as error:
                    print(f"left out: {error}", file=sys.stderr)
                    continue
                for graph in (False, True) if options.graph else (False,):
                    row = {"plan": path, **measure(engine, shape, *batch, padded, graph)}
                    row["of_ceiling"] = row["tflops"] / ceiling
                    rows.append(row)
                    emit(row)
        if options.layers:
            ids, lengths = random_batch(*pairs(options.batches)[0], shape["vocabulary"], kind=shape["kind"])
            times = engine.layer_milliseconds(ids, lengths)
            emit({"plan": path, "by_kind_ms": by_kind(times)})
            for name, ms in sorted(times, key=lambda item: -item[1])[:25]:
                print(f"  {ms:8.3f} ms  {name[:150]}")
    print(f"bf16 GEMM ceiling {ceiling:.0f} TFLOP/s")
    table(rows, ["plan", "rows", "length", "padded_to", "cuda_graph", "ms", "tokens_per_s", "rows_per_s", "tflops", "of_ceiling"])


if __name__ == "__main__":
    main()
