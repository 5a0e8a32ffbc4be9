#!/usr/bin/env python3
"""Another program's work on a GPU: matrix products without end, until it is stopped. Prints how fast they were.

Usage: foreign_load.py [--device cuda|cpu] [--size 8192]
Writes "ready" on standard output when it has begun, and TFLOP/s when SIGTERM ends it. Needs PyTorch.
"""

import argparse
import signal
import time

import torch


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--size", type=int, default=8192)
    options = parser.parse_args()
    stopped = []
    signal.signal(signal.SIGTERM, lambda *_: stopped.append(True))
    if options.device == "cpu":
        torch.set_num_threads(1)
    a, b = (torch.randn(options.size, options.size, device=options.device, dtype=torch.bfloat16) for _ in range(2))
    wait = torch.cuda.synchronize if options.device != "cpu" else lambda: None
    a @ b
    wait()
    print("ready", flush=True)
    start, count = time.time(), 0
    while not stopped:
        # Some at once, so that the GPU never waits for this program.
        for _ in range(8 if options.device != "cpu" else 1):
            c = a @ b
        wait()
        count += 8 if options.device != "cpu" else 1
    rate = 2 * options.size**3 * count / (time.time() - start) / 1e12
    print(f"{rate:.1f} TFLOP/s, last {c[0, 0].item():.3f}", flush=True)


if __name__ == "__main__":
    main()
