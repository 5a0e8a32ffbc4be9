"""What each GPU reaches in one large BF16 matrix product, in PyTorch: the ceiling that models are held against.

Prints one JSON list: TFLOP/s of each visible GPU, the median of 20 products of two 8192 x 8192 matrices.
"""

import json
import statistics

import torch

SIZE = 8192
WARM_UP, ROUNDS = 5, 20


def ceiling(gpu):
    with torch.cuda.device(gpu):
        a = torch.randn(SIZE, SIZE, device="cuda", dtype=torch.bfloat16)
        b = torch.randn(SIZE, SIZE, device="cuda", dtype=torch.bfloat16)
        times = []
        for turn in range(WARM_UP + ROUNDS):
            start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
            start.record()
            a @ b
            end.record()
            end.synchronize()
            if turn >= WARM_UP:
                times.append(start.elapsed_time(end))
    return 2 * SIZE**3 / statistics.median(times) / 1e9


if __name__ == "__main__":
    print(json.dumps([ceiling(gpu) for gpu in range(torch.cuda.device_count())]))
