#!/usr/bin/env python3
"""ESM-2 in PyTorch, as others run it, on this GPU and with the same random weights: what a plan has to beat.

Rows: FP32 with the original's batches of 2,048 tokens; Broad's fork (FP32 weights under BF16 autocast, attention
written out) with 2,048 and 16k tokens; BF16 with fused attention, eager and compiled, with 16k tokens.
Usage: baselines_esm.py [--model 3B] [--lengths 51,168] [--only fp32,autocast,eager,compile]
"""

import argparse
import time

import torch
from torch.nn import functional as F

from engine import emit, gemm_ceiling, median_time, table
from model import TOKEN_DROPOUT, Weights, esm2_reference, flops_per_token, linear, norm, pooled, random_batch
from model import rotary_tables, turn

SHAPES = {"3B": (2560, 36, 40), "650M": (1280, 33, 20), "150M": (640, 30, 20), "35M": (480, 12, 20), "8M": (320, 6, 20)}


def shape_of(name):
    width, layers, heads = SHAPES[name]
    return {"kind": "esm2", "width": width, "layers": layers, "heads": heads, "hidden": 4 * width, "vocabulary": 33, "layerNormEps": 1e-5}


PARTS = ("attention_norm", "query", "key", "value", "attention_out", "ffn_norm", "ffn_in", "ffn_out")


def layer(x, cos, sin, w, heads, eps):
    """One layer with fused attention. A function of its weights, so that one compilation serves all layers."""
    rows, length, width = x.shape

    def split(y):
        return y.view(rows, length, heads, -1).transpose(1, 2)

    y = norm(w, "attention_norm", x, eps)
    q, k, v = (split(linear(w, part, y)) for part in ("query", "key", "value"))
    mixed = F.scaled_dot_product_attention(turn(q, cos, sin), turn(k, cos, sin), v)
    x = x + linear(w, "attention_out", mixed.transpose(1, 2).reshape(rows, length, width))
    return x + linear(w, "ffn_out", F.gelu(linear(w, "ffn_in", norm(w, "ffn_norm", x, eps))))


def layer_weights(w, i, dtype):
    return {f"{p}.{kind}": w[f"layers.{i}.{p}.{kind}"].to(dtype) for p in PARTS for kind in ("weight", "bias")}


class Fused:
    """The whole model, for batches without padding, which is the best case for PyTorch."""

    def __init__(self, w, compiled):
        self.w, dtype = w, torch.bfloat16
        self.layers = [layer_weights(w, i, dtype) for i in range(w.shape["layers"])]
        self.table = (w["embed.weight"] * TOKEN_DROPOUT).to(dtype)
        self.layer = torch.compile(layer, dynamic=False) if compiled else layer

    def __call__(self, ids, lengths):
        x = self.table[ids.long()]
        cos, sin = (t.to(x.dtype) for t in rotary_tables(self.w.shape, ids.shape[1], ids.device))
        heads, eps = self.w.shape["heads"], self.w.shape["layerNormEps"]
        for weights in self.layers:
            x = self.layer(x, cos, sin, weights, heads, eps)
        x = norm(self.w, "final_norm", x, self.w.shape["layerNormEps"])
        return pooled(x, ids, lengths, "esm2")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="3B", choices=SHAPES)
    parser.add_argument("--lengths", default="51,168")
    parser.add_argument("--only", default="fp32,autocast,eager,compile")
    parser.add_argument("--tokens", type=int, default=16384)
    options = parser.parse_args()
    torch.backends.cuda.matmul.allow_tf32 = False
    only = options.only.split(",")
    w = Weights(shape_of(options.model))
    ceiling = gemm_ceiling()
    print(f"{torch.cuda.get_device_name()}, PyTorch {torch.__version__}, bf16 GEMM ceiling {ceiling:.0f} TFLOP/s", flush=True)
    rows = []

    def add(name, length, tokens, run, repeats=5):
        count = max(1, tokens // length)
        ids, lengths = random_batch(count, length)
        start = time.time()
        with torch.no_grad():
            ms = median_time(lambda: run(ids, lengths).cpu(), repeats, 2)
        speed = count * length / ms * 1e3
        row = {"baseline": name, "model": options.model, "rows": count, "length": length, "ms": ms, "tokens_per_s": speed}
        row["tflops"] = flops_per_token(w.shape, length) * speed / 1e12
        row["seconds_spent"] = time.time() - start
        rows.append(row)
        emit(row)

    lengths = [int(n) for n in options.lengths.split(",")]
    for length in lengths:
        if "fp32" in only:
            add("fp32, 2,048 tokens (the original)", length, 2048, lambda i, n: esm2_reference(w, i, n))
        if "autocast" in only:

            def autocast(i, n):
                with torch.autocast("cuda", torch.bfloat16):
                    return esm2_reference(w, i, n)

            add("bf16 autocast, 2,048 tokens (Broad's fork)", length, 2048, autocast)
            add("bf16 autocast, large batches", length, options.tokens, autocast)
    for compiled in (False, True):
        if ("compile" if compiled else "eager") in only:
            model = Fused(w, compiled)
            for length in lengths:
                name = "bf16 SDPA, compiled" if compiled else "bf16 SDPA, eager"
                add(name, length, options.tokens, model, 10)
            del model
            torch.cuda.empty_cache()
    table(rows, ["baseline", "model", "rows", "length", "ms", "tokens_per_s", "tflops"])


if __name__ == "__main__":
    main()
