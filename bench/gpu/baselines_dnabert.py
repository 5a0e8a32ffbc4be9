#!/usr/bin/env python3
"""DNABERT-S in PyTorch, as others run it, on this GPU with random weights: what a plan has to beat.

Rows: FP32, one sequence per forward and its result copied back, as the original does; FP32 in padded batches; BF16
with fused attention, eager and compiled.
Usage: baselines_dnabert.py [--lengths 40,110] [--only one,fp32,eager,compile]
"""

import argparse

import torch
from torch.nn import functional as F

from engine import emit, gemm_ceiling, median_time, table
from model import Weights, alibi_slopes, dnabert_reference, flops_per_token, linear, norm, pooled, random_batch

SHAPE = {"kind": "dnabert_s", "width": 768, "layers": 12, "heads": 12, "hidden": 3072, "vocabulary": 4096, "layerNormEps": 1e-12}


def layer(x, bias, w, heads, eps):
    """One layer with fused attention. A function of its weights, so that one compilation serves all layers."""
    rows, length, width = x.shape

    def split(y):
        return y.view(rows, length, heads, -1).transpose(1, 2)

    q, k, v = (split(linear(w, part, x)) for part in ("query", "key", "value"))
    mixed = F.scaled_dot_product_attention(q, k, v, attn_mask=bias)
    out = linear(w, "attention_out", mixed.transpose(1, 2).reshape(rows, length, width))
    x = norm(w, "attention_norm", out + x, eps)
    gated = F.gelu(linear(w, "ffn_gate", x, False)) * linear(w, "ffn_in", x, False)
    return norm(w, "ffn_norm", linear(w, "ffn_out", gated) + x, eps)


def layer_weights(w, i, dtype):
    parts = ("query", "key", "value", "attention_out", "attention_norm", "ffn_out", "ffn_norm")
    names = [f"{part}.{kind}" for part in parts for kind in ("weight", "bias")]
    return {name: w[f"layers.{i}.{name}"].to(dtype) for name in (*names, "ffn_gate.weight", "ffn_in.weight")}


class Fused:
    def __init__(self, w, compiled):
        self.w = w
        self.layers = [layer_weights(w, i, torch.bfloat16) for i in range(w.shape["layers"])]
        self.table = (w["embed.weight"] + w["token_types.weight"][0]).to(torch.bfloat16)
        self.layer = torch.compile(layer, dynamic=False) if compiled else layer

    def __call__(self, ids, lengths):
        x = norm(self.w, "embed_norm", self.table[ids.long()], self.w.shape["layerNormEps"])
        at = torch.arange(ids.shape[1], device=ids.device)
        slopes = torch.tensor(alibi_slopes(self.w.shape["heads"]), device=ids.device)
        bias = (-slopes[:, None, None] * (at[None] - at[:, None]).abs()[None]).to(x.dtype)
        bias = bias[None].expand(len(ids), -1, -1, -1)
        heads, eps = self.w.shape["heads"], self.w.shape["layerNormEps"]
        for weights in self.layers:
            x = self.layer(x, bias, weights, heads, eps)
        return pooled(x, ids, lengths, "dnabert_s")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--lengths", default="40,110")
    parser.add_argument("--only", default="one,fp32,eager,compile")
    options = parser.parse_args()
    torch.backends.cuda.matmul.allow_tf32 = False
    only = options.only.split(",")
    w = Weights(SHAPE)
    print(f"{torch.cuda.get_device_name()}, PyTorch {torch.__version__}, bf16 GEMM ceiling {gemm_ceiling():.0f} TFLOP/s", flush=True)
    rows = []

    def add(name, length, tokens, run, repeats):
        count = max(1, tokens // length)
        ids, lengths = random_batch(count, length, kind="dnabert_s")
        with torch.no_grad():
            ms = median_time(lambda: run(ids, lengths).cpu(), repeats, 3)
        row = {"baseline": name, "rows": count, "length": length, "ms": ms, "rows_per_s": count / ms * 1e3}
        row["tokens_per_s"] = row["rows_per_s"] * length
        row["tflops"] = flops_per_token(SHAPE, length) * row["tokens_per_s"] / 1e12
        rows.append(row)
        emit(row)

    lengths = [int(n) for n in options.lengths.split(",")]
    for length in lengths:
        if "one" in only:
            add("fp32, one sequence at a time (the original)", length, 1, lambda i, n: dnabert_reference(w, i, n), 50)
        if "fp32" in only:
            add("fp32, 16k tokens", length, 16384, lambda i, n: dnabert_reference(w, i, n), 5)
    for compiled in (False, True):
        if ("compile" if compiled else "eager") in only:
            model = Fused(w, compiled)
            for length in lengths:
                for tokens in (16384, 65536):
                    name = f"bf16 SDPA, {'compiled' if compiled else 'eager'}, {tokens // 1024}k tokens"
                    add(name, length, tokens, model, 10)
    table(rows, ["baseline", "rows", "length", "ms", "rows_per_s", "tokens_per_s", "tflops"])


if __name__ == "__main__":
    main()
