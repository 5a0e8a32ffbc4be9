#!/usr/bin/env python3
"""The attention kernel of model_repository/python/attention.cu beside PyTorch's: right, and how fast.

Both start from the product that makes queries, keys and values; PyTorch turns them (compiled) and calls its fused attention
(SDPA) with a mask for the padding. Usage: attention_speed.py [--half]
--half: in FP16 rather than BF16.
"""

import argparse
import math
import os
import statistics
import sys

import torch

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "model_repository", "python"))
from attention_kernel import Kernel, compile_kernel  # noqa: E402
from engine import emit, table  # noqa: E402
from model import alibi_slopes  # noqa: E402


def waves(tokens, size):
    inverse = 10000 ** (-torch.arange(0, size, 2, dtype=torch.float64) / size)
    angle = torch.arange(tokens, dtype=torch.float64)[:, None] * inverse
    return torch.stack([angle.cos(), angle.sin()], -1).reshape(tokens, size).half().cuda()


def parts(qkv, heads, size):
    rows, tokens = qkv.shape[:2]
    return qkv.view(rows, tokens, 3, heads, size).permute(2, 0, 3, 1, 4)


def turned(x, table):
    cos, sin = table[: x.shape[2], 0::2], table[: x.shape[2], 1::2]
    a, b = (x if x.dtype == torch.float64 else x.float()).chunk(2, -1)
    return torch.cat([a * cos - b * sin, b * cos + a * sin], -1).to(x.dtype)


def prepared(qkv, lengths, positions, heads, size, alibi):
    q, k, v = parts(qkv, heads, size)
    at = torch.arange(qkv.shape[1], device="cuda")
    hidden = (at[None] >= lengths[:, None])[:, None, None]
    if alibi:
        bias = -positions[:, None, None] * (at[None] - at[:, None]).abs()[None]
        bias = bias[None].masked_fill(hidden, float("-inf"))
    else:
        q, k = turned(q, positions), turned(k, positions)
        bias = torch.zeros(hidden.shape, device="cuda").masked_fill(hidden, float("-inf"))
    return q, k, v, bias


def torch_attention(qkv, lengths, positions, heads, size, alibi):
    q, k, v, bias = prepared(qkv, lengths, positions, heads, size, alibi)
    out = torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=bias.to(q.dtype), scale=1.0)
    return out.transpose(1, 2).reshape(qkv.shape[0], qkv.shape[1], heads * size)


def exact(qkv, lengths, positions, heads, size, alibi):
    q, k, v, bias = prepared(qkv.double(), lengths, positions, heads, size, alibi)
    out = torch.softmax(q @ k.transpose(-1, -2) + bias, -1) @ v
    return out.transpose(1, 2).reshape(qkv.shape[0], qkv.shape[1], heads * size)


def milliseconds(run, repeats=30):
    for _ in range(5):
        run()
    events = [torch.cuda.Event(enable_timing=True) for _ in range(repeats + 1)]
    events[0].record()
    for event in events[1:]:
        run()
        event.record()
    torch.cuda.synchronize()
    return statistics.median(a.elapsed_time(b) for a, b in zip(events, events[1:]))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--half", action="store_true")
    half = parser.parse_args().half
    dtype = torch.float16 if half else torch.bfloat16
    major, minor = torch.cuda.get_device_capability()
    compiled = torch.compile(torch_attention, dynamic=False)
    rows = []
    cases = [(331, 51, 40, 64, False), (100, 168, 40, 64, False), (66, 256, 40, 64, False), (16, 1024, 40, 64, False),
             (1, 168, 40, 64, False), (400, 168, 20, 32, False), (50, 168, 40, 128, False),
             (1638, 40, 12, 64, True), (595, 110, 12, 64, True)]
    for batch, tokens, heads, size, alibi in cases:
        kernel = Kernel(compile_kernel(size, alibi, f"{major}.{minor}", half), size, alibi)
        generator = torch.Generator("cuda").manual_seed(3)
        qkv = torch.randn(batch, tokens, 3 * heads * size, device="cuda", generator=generator).to(dtype)
        qkv[..., : heads * size] *= size**-0.5
        positions = torch.tensor(alibi_slopes(heads), device="cuda") if alibi else waves(4096, size)
        out = torch.empty(batch, tokens, heads * size, device="cuda", dtype=dtype)

        def run(lengths):
            addresses = [t.data_ptr() for t in (qkv, lengths, positions, out)]
            kernel.launch(addresses, batch, tokens, heads, torch.cuda.current_stream().cuda_stream)

        # Rows of every length, with NaN after their ends, which must not come out anywhere.
        lengths = torch.randint(1, tokens + 1, (batch,), device="cuda", dtype=torch.int32, generator=generator)
        lengths[0] = tokens
        clean = qkv.clone()
        qkv.masked_fill_((torch.arange(tokens, device="cuda")[None] >= lengths[:, None])[..., None], float("nan"))
        out.fill_(float("nan"))
        run(lengths)
        torch.cuda.synchronize()
        assert torch.isfinite(out).all(), "NaN or a number never written"
        worst = 0.0
        for i in range(0, min(batch, 64), 8):
            some = slice(i, i + 8)
            expected = exact(clean[some], lengths[some], positions, heads, size, alibi)
            isToken = (torch.arange(tokens, device="cuda")[None] < lengths[some, None])[..., None]
            difference = ((out[some].double() - expected) * isToken).norm() / (expected * isToken).norm()
            worst = max(worst, difference.item())
        qkv.copy_(clean)
        full = torch.full((batch,), tokens, device="cuda", dtype=torch.int32)
        ours = milliseconds(lambda: run(full))
        theirs = milliseconds(lambda: compiled(qkv, full, positions, heads, size, alibi))
        moved = 4 * qkv.numel() / 3 * 2
        row = {"rows": batch, "tokens": tokens, "heads": heads, "size": size, "positions": "alibi" if alibi else "rotary",
               "ms": ours, "GB/s": moved / ours / 1e6, "TFLOP/s": 4 * batch * heads * tokens**2 * size / ours / 1e9,
               "torch_ms": theirs, "faster": theirs / ours, "relative_error": worst}
        rows.append(row)
        emit(row)
        assert worst < (0.002 if half else 0.01), "wrong"
    table(rows, list(rows[0]))


if __name__ == "__main__":
    main()
