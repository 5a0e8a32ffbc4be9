#!/usr/bin/env python3
"""Times a TensorRT plan with batches of many sizes, on the GPU of this machine.

Reads a request as JSON from standard input and writes events as JSON lines to standard output; everything else goes to
standard error. `virnucpro engines tune` calls it; it needs TensorRT's Python bindings, numpy and the CUDA runtime.

Request: {"plan": FILE, "batches": [[ROWS, TOKENS], ...], "milliseconds": 400}: each batch is run for about so long.
Events:  {"event": "gpu", "name", "computeCapability", "memoryBytes", "multiprocessors", "tensorrt"}
         {"event": "loaded", "seconds"}
         {"event": "measured", "rows", "tokens", "milliseconds", "repeats"}: the median of one batch
         {"event": "skipped", "rows", "tokens", "reason"}: the plan does not take it, or the GPU has no room for it
         {"event": "done", "seconds"}
         {"event": "error", "kind": "no-tensorrt" | "no-gpu" | "plan", "message"}
With --probe only the event `gpu` is written. Exit code 1 after an error.
"""

import os
import statistics
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

# It makes the modules of model_repository/python known, too.
from build_engine import BuildError, gpu_of_this_process, load_tensorrt, serve_events  # noqa: E402

FEWEST, MOST = 3, 200
# Ids that both models have: letters, and no special token.
FIRST_ID, LAST_ID = 5, 24


def measure(plan, rows, tokens, milliseconds):
    """Median milliseconds of a batch without padding, and how often it ran."""
    import numpy as np

    ids = np.random.default_rng(1).integers(FIRST_ID, LAST_ID, (rows, tokens), dtype=np.int32)
    lengths = np.full(rows, tokens, np.int32)
    once = plan.milliseconds(ids, lengths, 1)[0]
    repeats = max(FEWEST, min(MOST, round(milliseconds / max(once, 0.01))))
    return statistics.median(plan.milliseconds(ids, lengths, repeats, 0)), repeats


def tune(request, emit):
    tensorrt = load_tensorrt()
    emit({"event": "gpu", **gpu_of_this_process(), "tensorrt": tensorrt.__version__})
    begin = time.time()
    try:
        from cuda_runtime import Cuda
        from plan_engine import Plan

        plan = Plan(request["plan"], Cuda())
    except Exception as error:
        raise BuildError("plan", str(error)) from error
    emit({"event": "loaded", "seconds": time.time() - begin})
    for rows, tokens in request["batches"]:
        try:
            median, repeats = measure(plan, rows, tokens, request["milliseconds"])
        except (RuntimeError, ValueError) as error:
            emit({"event": "skipped", "rows": rows, "tokens": tokens, "reason": str(error)})
            continue
        emit({"event": "measured", "rows": rows, "tokens": tokens, "milliseconds": median, "repeats": repeats})
    emit({"event": "done", "seconds": time.time() - begin})


if __name__ == "__main__":
    serve_events(tune)
