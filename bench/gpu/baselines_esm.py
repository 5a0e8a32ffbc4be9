#!/usr/bin/env python3
"""ESM-2 in PyTorch, as others run it, on this GPU and with the same random weights: what a plan has to beat.

Rows: FP32 with the original's batches of 2,048 tokens; Broad's fork (FP32 weights under BF16 autocast, attention
written out) with 2,048 and 16k tokens; BF16 with fused attention, eager and compiled, with 16k tokens; where they are
asked for, the same with products in FP8 by PyTorch itself (`fp8`: scales of a tensor each, calibrated with one batch,
compiled) and by NVIDIA's TransformerEngine (`te`, where that is installed). FP8 comes with its cosines to BF16.
Usage: baselines_esm.py [--model 3B] [--lengths 51,168] [--only fp32,autocast,eager,compile,fp8,te]

TransformerEngine from PyPI: transformer_engine_cu13 (or _cu12) is a wheel of 277 (729) MB; transformer_engine_torch is
C++ alone, built without nvcc against the headers of PyTorch, CUDA and cuDNN by: pip install --no-build-isolation.
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


LARGEST = 448.0  # of E4M3
NORMED = ("query", "key", "value")


def scaled(x):
    """FP8 and the scale that gives the numbers back."""
    scale = x.abs().amax().float().clamp(min=1e-12) / LARGEST
    return (x.float() / scale).clamp(-LARGEST, LARGEST).to(torch.float8_e4m3fn), scale


def product8(x, w, part):
    """A product in FP8 with fast accumulation, whose input has the scale that was calibrated."""
    flat = (x.reshape(-1, x.shape[-1]).float() / w[f"{part}.input"]).clamp(-LARGEST, LARGEST).to(torch.float8_e4m3fn)
    y = torch._scaled_mm(
        flat, w[f"{part}.weight8"].t(), scale_a=w[f"{part}.input"], scale_b=w[f"{part}.scale"],
        bias=w[f"{part}.bias"], out_dtype=x.dtype, use_fast_accum=True,
    )  # fmt: skip
    return y.view(*x.shape[:-1], -1)


def layer8(x, cos, sin, w, heads, eps, product=product8):
    """As `layer`, its products in FP8; queries, keys and values are one."""
    rows, length, width = x.shape
    mixed = product(norm(w, "attention_norm", x, eps), w, "qkv").view(rows, length, 3, heads, -1)
    q, k, v = mixed.permute(2, 0, 3, 1, 4)
    mixed = F.scaled_dot_product_attention(turn(q, cos, sin), turn(k, cos, sin), v)
    x = x + product(mixed.transpose(1, 2).reshape(rows, length, width), w, "attention_out")
    return x + product(F.gelu(product(norm(w, "ffn_norm", x, eps), w, "ffn_in")), w, "ffn_out")


class Eight(Fused):
    def __init__(self, w):
        super().__init__(w, False)
        self.layers = [self.joined(weights) for weights in self.layers]
        self.calibrated = False

    @staticmethod
    def joined(weights):
        for kind in ("weight", "bias"):
            weights[f"qkv.{kind}"] = torch.cat([weights.pop(f"{part}.{kind}") for part in NORMED])
        for part in ("qkv", "attention_out", "ffn_in", "ffn_out"):
            weights[f"{part}.weight8"], weights[f"{part}.scale"] = scaled(weights[f"{part}.weight"])
        return weights

    def calibrate(self, ids, lengths):
        def watched(x, w, part):
            w[f"{part}.input"] = x.abs().amax().float().clamp(min=1e-12) / LARGEST
            return F.linear(x, w[f"{part}.weight"], w[f"{part}.bias"])

        self.layer = lambda *given: layer8(*given, product=watched)
        self(ids, lengths)
        for weights in self.layers:
            for part in ("qkv", "attention_out", "ffn_in", "ffn_out"):
                del weights[f"{part}.weight"]
        self.layer = torch.compile(layer8, dynamic=False) if ids.is_cuda else layer8


class TransformerEngine(Fused):
    """Its own modules: norm and product in one, feed-forward with its norm in one, weights kept in FP8."""

    def __init__(self, w):
        import transformer_engine.pytorch as te
        from transformer_engine.common import recipe

        super().__init__(w, False)
        width, hidden, eps = w.shape["width"], w.shape["hidden"], w.shape["layerNormEps"]
        given = {"params_dtype": torch.bfloat16, "device": w.device}
        self.context = lambda: te.fp8_autocast(enabled=True, fp8_recipe=recipe.DelayedScaling())
        self.modules = []
        for weights in self.layers:
            with te.fp8_model_init(enabled=True), torch.no_grad():
                qkv = te.LayerNormLinear(width, 3 * width, eps=eps, **given)
                out = te.Linear(width, width, **given)
                mlp = te.LayerNormMLP(width, hidden, eps=eps, activation="gelu", **given)
                qkv.layer_norm_weight.copy_(weights["attention_norm.weight"])
                qkv.layer_norm_bias.copy_(weights["attention_norm.bias"])
                for kind, target in (("weight", qkv.weight), ("bias", qkv.bias)):
                    target.copy_(torch.cat([weights[f"{part}.{kind}"] for part in NORMED]))
                out.weight.copy_(weights["attention_out.weight"])
                out.bias.copy_(weights["attention_out.bias"])
                mlp.layer_norm_weight.copy_(weights["ffn_norm.weight"])
                mlp.layer_norm_bias.copy_(weights["ffn_norm.bias"])
                for number, part in ((1, "ffn_in"), (2, "ffn_out")):
                    getattr(mlp, f"fc{number}_weight").copy_(weights[f"{part}.weight"])
                    getattr(mlp, f"fc{number}_bias").copy_(weights[f"{part}.bias"])
            self.modules.append({"qkv": qkv.eval(), "out": out.eval(), "mlp": mlp.eval()})
        self.layers = self.modules
        self.layer = self.one

    def one(self, x, cos, sin, modules, heads, eps):
        rows, length, width = x.shape
        q, k, v = modules["qkv"](x).view(rows, length, 3, heads, -1).permute(2, 0, 3, 1, 4)
        mixed = F.scaled_dot_product_attention(turn(q, cos, sin), turn(k, cos, sin), v)
        x = x + modules["out"](mixed.transpose(1, 2).reshape(rows, length, width))
        return x + modules["mlp"](x)

    def calibrate(self, ids, lengths):
        # Scales follow the batches before: a few make them steady.
        for _ in range(4):
            self(ids, lengths)

    def __call__(self, ids, lengths):
        with self.context():
            return super().__call__(ids, lengths)


def eights(w, only):
    """The FP8 models that are asked for and can be made here."""
    if "fp8" in only:
        yield "fp8 products by PyTorch, SDPA, compiled", lambda: Eight(w)
    if "te" in only:
        try:
            import transformer_engine.pytorch  # noqa: F401
        except ImportError as error:
            emit({"baseline": "TransformerEngine", "left_out": str(error)})
            return
        yield "fp8 TransformerEngine, SDPA", lambda: TransformerEngine(w)


def cosines(w, model, reference):
    ids, lengths = random_batch(64, 96, seed=5, device=w.device)
    found = F.cosine_similarity(model(ids, lengths), reference(ids, lengths))
    return {"cosineMin": found.min().item(), "cosineMean": found.mean().item()}


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
    for name, make in eights(w, only):
        model = make()
        for length in lengths:
            # FP8 products take rows in multiples of 16.
            tokens = 16 * length * max(1, options.tokens // (16 * length))
            with torch.no_grad():
                if not getattr(model, "calibrated", False):
                    model.calibrate(*random_batch(tokens // length, length, seed=3))
                    model.calibrated = True
            add(name, length, tokens, model, 10)
        with torch.no_grad():
            emit({"baseline": name, "model": options.model, **cosines(w, model, Fused(w, False))})
        del model
        torch.cuda.empty_cache()
    table(rows, ["baseline", "model", "rows", "length", "ms", "tokens_per_s", "tflops"])


if __name__ == "__main__":
    main()
