#!/usr/bin/env python3
"""What a run's speed comes to: tokens/s of ESM-2 while batches were computed, the share of the GPU's matrix rate, and the
hours that the sample of the original takes, whose 45 hours are 90 % ESM-2 at 6,679 tokens/s in FP32.

Usage: projection.py --shape esm2.shape.json --run DIR --watch LINES [--ceiling TFLOPS]
DIR is the output folder of predict, LINES the output of watch.py. Without --ceiling it is measured.
"""

import argparse
import glob
import json
import os

from model import flops_per_token

ORIGINAL_TOKENS_PER_SECOND = 6679
ORIGINAL_HOURS, ORIGINAL_ESM_SHARE = 45, 0.9


def last_line(path):
    with open(path) as file:
        found = [json.loads(line) for line in file if line.startswith("{")]
    return next(line for line in reversed(found) if "first_to_last_batch_s" in line)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shape", required=True)
    parser.add_argument("--run", required=True)
    parser.add_argument("--watch", required=True)
    parser.add_argument("--ceiling", type=float)
    options = parser.parse_args()
    with open(options.shape) as file:
        shape = json.load(file)
    (path,) = glob.glob(os.path.join(options.run, "*_report", "summary.json"))
    with open(path) as file:
        summary = json.load(file)
    ceiling = options.ceiling
    if ceiling is None:
        from engine import gemm_ceiling

        ceiling = gemm_ceiling()
    esm = summary["computed"]["esm2"]
    busy = last_line(options.watch)["first_to_last_batch_s"]
    length = esm["tokens"] / esm["sequences"]
    speed = esm["tokens"] / busy
    rate = speed * flops_per_token(shape, length) / 1e12
    sample = ORIGINAL_HOURS * ORIGINAL_ESM_SHARE * 3600 * ORIGINAL_TOKENS_PER_SECOND
    print(
        json.dumps(
            {
                "seconds": summary["time"]["seconds"],
                "first_to_last_batch_s": busy,
                "outside_batches_s": round(summary["time"]["seconds"] - busy, 1),
                "stages": {s["name"]: [round(s[k], 1) for k in ("start", "end", "busySeconds")] for s in summary["stages"]},
                "reads_per_s": round(summary["counts"]["records"] / summary["time"]["seconds"], 1),
                "tokens_per_sequence": round(length, 1),
                "padding": round(1 - esm["tokens"] / esm["paddedTokens"], 4),
                "esm2_tokens_per_s": round(speed),
                "tflops": round(rate, 1),
                "ceiling_tflops": round(ceiling),
                "share_of_ceiling": round(rate / ceiling, 3),
                "hours_for_the_original_sample": round(sample / speed / 3600, 2),
            }
        )
    )


if __name__ == "__main__":
    main()
