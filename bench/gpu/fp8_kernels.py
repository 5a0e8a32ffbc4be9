#!/usr/bin/env python3
"""Encoder layers of our own in FP8 (model_repository/python/encoder_layer.py) on one GPU: whether every kernel is right, how fast each
and each product is, and all layers of the random ESM-2 3B in every variant and as a plan, beside TensorRT's own FP8 plan.

Usage: fp8_kernels.py --graphs FOLDER [--parts kernels,products,whole,plan,hosted,theirs] [--seconds 300]
Prints a line of JSON for each result as it is measured; what fails is said in one and does not end the run. Weights and scales are
those of fp8.py. --try-out checks what can be tried without a GPU.
"""

import argparse
import functools
import json
import os
import shutil
import statistics
import sys
import time
import traceback

import onnx
import torch
from torch.nn import functional as F

import model
from attention_speed import exact, milliseconds, waves
from engine import Engine, build, emit, pairs
from fp8 import Calibration, calibration_batch, fp8_products, put_scales, scale_for
from fp8 import Corrected as InGraph
from fp8 import LARGEST
from model import TOKEN_DROPOUT, Weights, agreement, flops_per_token, load_shape, materialize, norm, pooled, random_batch, reference
from plan_speed import measure
from sweep import calls_agree, parse_profiles

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "model_repository", "python"))
import encoder_layer  # noqa: E402
import encoder_plugin  # noqa: E402
from attention_kernel import Kernel, compile_kernel, device_capability, launch  # noqa: E402
from cublaslt import SCALE_BYTES, WORKSPACE_BYTES, Product, library  # noqa: E402
from encoder_layer import FFN_IN, ROWS, EncoderLayer  # noqa: E402

# Every variant has the same kernels.
compile_kernel = encoder_layer.compile_kernel = functools.cache(compile_kernel)

PRODUCTS = ("query_key_value", "attention_out", "ffn_in", "ffn_out")


def in_eight(x, step=1.0):
    return (x / step).clamp(-LARGEST, LARGEST).to(torch.float8_e4m3fn)


def spread(values, device="cuda"):
    """FP32, each number where a piece of 16 bytes begins."""
    return F.pad(torch.tensor(values, device=device)[:, None], (0, SCALE_BYTES // 4 - 1)).flatten().contiguous()


class ForOperator(InGraph):
    """The weights of a graph whose layers are operators of our own."""

    def __init__(self, plain, calibration):
        products = {f"layers.{i}.{p}" for i in range(plain.shape["layers"]) for part in PRODUCTS for p in model.JOINED.get(part, (part,))}
        super().__init__(plain, calibration, products)

    def for_graph(self, name):
        plain = name.split("/")[-1]
        if plain.endswith(".vectors"):
            return self.vectors(plain.removesuffix(".vectors"))
        layer, part = plain.rsplit(".", 2)[0], plain.rsplit(".", 2)[-2]
        return self.eight(layer, part) if part in PRODUCTS else super().for_graph(name)

    def vectors(self, layer):
        norms = [self[f"{layer}.{name}_norm.{kind}"] for name in ("attention", "ffn") for kind in ("weight", "bias")]
        biases = [self.part(f"{layer}.{p}", "bias") for part in PRODUCTS for p in model.JOINED.get(part, (part,))]
        return torch.cat([*norms, *biases])

    def steps(self, layer, part):
        """Of the input and the weights."""
        names = [f"{layer}.{p}" for p in model.JOINED.get(part, (part,))]
        factor = (self.shape["width"] // self.shape["heads"]) ** -0.5
        largest = max(self.calibration.largest[n][1] * (factor if n.endswith(".query") else 1) for n in names)
        return self.calibration.scales(names)[0], scale_for(largest)

    def scales(self, layer):
        values = [n for part in PRODUCTS for step in [self.steps(layer, part)] for n in (*step, 1 / step[0])]
        return spread([*values, self.shape["layerNormEps"]], self.device)

    def eight(self, layer, part):
        """INT32 [outputs,inputs/4]"""
        parts = [self.part(f"{layer}.{p}", "weight") for p in model.JOINED.get(part, (part,))]
        whole = torch.cat(parts, 1).t().bfloat16().float()
        return in_eight(whole, self.steps(layer, part)[1]).contiguous().view(torch.int32)


class Encoder:
    """All layers by our kernels, what is around them by PyTorch; called as an Engine is."""

    def __init__(self, weights, layers, options, largest):
        shape = weights.shape
        self.weights, self.shape = weights, shape
        capability = device_capability()
        self.layer = EncoderLayer(shape["width"], shape["heads"], shape["hidden"], capability, **options)
        self.layers = layers
        self.positions = waves(4096, shape["width"] // shape["heads"])
        self.workspace = torch.empty(self.layer.workspace_bytes(largest), dtype=torch.uint8, device="cuda")
        self.table = (weights["embed.weight"] * TOKEN_DROPOUT).bfloat16()
        self.stream = torch.cuda.Stream()
        self.buffers = [torch.empty(largest * shape["width"], dtype=torch.bfloat16, device="cuda") for _ in range(2)]

    def states(self, ids, lengths):
        rows, tokens = ids.shape
        count = rows * tokens * self.shape["width"]
        a, b = (buffer[:count].view(rows, tokens, -1) for buffer in self.buffers)
        a.copy_(self.table[ids.long()])
        for vectors, scales, eights in self.layers:
            addresses = [t.data_ptr() for t in (a, lengths, self.positions, vectors, scales)]
            self.layer.run(*addresses, [e.data_ptr() for e in eights], b.data_ptr(), rows, tokens, self.workspace.data_ptr(), self.stream.cuda_stream)
            a, b = b, a
        return a

    def __call__(self, ids, lengths):
        torch.cuda.synchronize()
        with torch.cuda.stream(self.stream):
            x = self.states(ids, lengths).float()
            x = norm(self.weights, "final_norm", x, self.shape["layerNormEps"])
            result = pooled(x, ids, lengths, "esm2")
        self.stream.synchronize()
        return result

    def milliseconds(self, ids, lengths, repeats=12):
        with torch.cuda.stream(self.stream):
            for _ in range(2):
                self.states(ids, lengths)
            events = [torch.cuda.Event(enable_timing=True) for _ in range(repeats + 1)]
            start = time.perf_counter()
            events[0].record()
            for event in events[1:]:
                self.states(ids, lengths)
                event.record()
            self.queued = (time.perf_counter() - start) / repeats
        self.stream.synchronize()
        return [a.elapsed_time(b) for a, b in zip(events, events[1:])]


class Checker:
    """Rows of mixed lengths, and what FP32 says of them."""

    def __init__(self, weights, rows, longest=168):
        generator = torch.Generator().manual_seed(7)
        lengths = torch.randint(3, longest + 1, (rows,), generator=generator).sort().values
        lengths[0], lengths[-1] = 3, longest
        self.ids, self.lengths = random_batch(rows, longest, weights.shape["vocabulary"], lengths, 3)
        self.theirs = torch.cat([reference(weights, *batch) for batch in self.batches()])

    def batches(self):
        for i in range(0, len(self.lengths), 96):
            lengths = self.lengths[i : i + 96].contiguous()
            yield self.ids[i : i + 96, : int(lengths.max())].contiguous(), lengths

    def __call__(self, engine):
        ours = torch.cat([engine(*batch).clone() for batch in self.batches()])
        result = {**agreement(ours, self.theirs), "calls_agree": calls_agree(ours, self.theirs)}
        some = list(range(0, len(self.lengths), 12))
        alone = [engine(self.ids[i : i + 1, : int(self.lengths[i])].contiguous(), self.lengths[i : i + 1].contiguous()).clone() for i in some]
        return {**result, "alone_error_max": agreement(torch.cat(alone), ours[some])["relative_error_max"]}


def steps_off(ours, theirs):
    """Of two tensors in FP8: share of different numbers, and how many steps they are apart at most."""

    def steps(x):
        bits = x.view(torch.uint8).int()
        return torch.where(bits > 127, 128 - bits, bits)

    off = (steps(ours) - steps(theirs)).abs()
    return {"differ": (off > 0).double().mean().item(), "steps_most": off.max().item()}


def relative(ours, theirs):
    return ((ours.double() - theirs.double()).norm() / theirs.double().norm()).item()


class Pieces:
    """Random numbers for one layer, and every kernel and product of it by itself."""

    def __init__(self, shape, rows, tokens):
        self.width, self.heads, self.hidden = shape["width"], shape["heads"], shape["hidden"]
        self.rows, self.tokens, self.count = rows, tokens, rows * tokens
        self.layer = EncoderLayer(self.width, self.heads, self.hidden, device_capability(), gelu_in_product=False)
        generator = torch.Generator("cuda").manual_seed(5)
        self.drawn = lambda *size: torch.randn(*size, device="cuda", generator=generator)
        self.x = self.drawn(self.count, self.width).bfloat16()
        self.scales = spread([0.25, 2.0**-9, 4.0, 1e-5])
        self.workspace = torch.empty(WORKSPACE_BYTES, dtype=torch.uint8, device="cuda")

    def norm(self):
        import ctypes as c

        weight, bias = 1 + 0.05 * self.drawn(self.width), 0.05 * self.drawn(self.width)
        vectors = torch.stack([weight, bias]).bfloat16()
        out = torch.empty(self.count, self.width, dtype=torch.float8_e4m3fn, device="cuda")
        at = self.scales.data_ptr()
        values = [c.c_void_p(a) for a in (self.x.data_ptr(), vectors[0].data_ptr(), vectors[1].data_ptr(), at + 2 * SCALE_BYTES, at + 3 * SCALE_BYTES, out.data_ptr())]
        values.append(c.c_int(self.count))
        function = self.layer.between.function("normQuantize")
        stream = torch.cuda.current_stream().cuda_stream
        run = lambda: launch(function, (-(-self.count // ROWS), 1, 1), 32 * ROWS, 0, stream, values)  # noqa: E731
        theirs = in_eight(F.layer_norm(self.x.float(), (self.width,), *vectors.float(), 1e-5), 0.25)
        return run, lambda: steps_off(out, theirs), 3 * self.count * self.width

    def gelu(self):
        import ctypes as c

        x = (2 * self.drawn(self.count, self.hidden)).bfloat16()
        out = torch.empty(self.count, self.hidden, dtype=torch.float8_e4m3fn, device="cuda")
        pieces = x.numel() // 16
        values = [c.c_void_p(a) for a in (x.data_ptr(), self.scales.data_ptr() + 2 * SCALE_BYTES, out.data_ptr())] + [c.c_longlong(pieces)]
        function = self.layer.between.function("geluQuantize")
        stream = torch.cuda.current_stream().cuda_stream
        run = lambda: launch(function, (-(-pieces // 256), 1, 1), 256, 0, stream, values)  # noqa: E731
        return run, lambda: steps_off(out, in_eight(F.gelu(x.float()), 0.25)), 3 * x.numel()

    def attention(self, out8=True):
        size = self.width // self.heads
        qkv = self.drawn(self.rows, self.tokens, 3 * self.width)
        qkv[..., : self.width] *= size**-0.5
        qkv = qkv.bfloat16()
        lengths = torch.randint(2, self.tokens + 1, (self.rows,), device="cuda", dtype=torch.int32)
        lengths[: self.rows // 2] = self.tokens
        positions = waves(4096, size)
        kernel = Kernel(compile_kernel(size, False, device_capability(), out8=out8), size, False)
        out = torch.empty(self.rows, self.tokens, self.width, dtype=torch.float8_e4m3fn if out8 else torch.bfloat16, device="cuda")
        addresses = [t.data_ptr() for t in (qkv, lengths, positions, out)]
        stream = torch.cuda.current_stream().cuda_stream
        quantize = (self.scales.data_ptr() + 2 * SCALE_BYTES,) if out8 else ()
        run = lambda: kernel.launch(addresses, self.rows, self.tokens, self.heads, stream, quantize)  # noqa: E731

        def check():
            few = slice(self.rows // 2 - 8, self.rows // 2 + 8)
            theirs = exact(qkv[few], lengths[few], positions, self.heads, size, False)
            ours = out[few].double() / (4 if out8 else 1)
            keep = (torch.arange(self.tokens, device="cuda")[None] < lengths[few][:, None])[..., None]
            rounded = in_eight(theirs, 0.25).double() * 0.25 if out8 else theirs.bfloat16().double()
            return {"relative_error": relative(ours * keep, theirs * keep), "of_rounding_alone": relative(rounded * keep, theirs * keep)}

        return run, check, self.count * self.width * (7 if out8 else 8)

    def product(self, outputs, inputs, **options):
        choice = options.pop("choice", 0)
        product = Product(outputs, inputs, **options)
        product.choice = choice
        source = in_eight(self.drawn(self.count, inputs), 0.25)
        weights = in_eight(self.drawn(outputs, inputs) * inputs**-0.5, 2.0**-9)
        bias = (0.05 * self.drawn(outputs)).bfloat16()
        added = self.drawn(self.count, outputs).bfloat16() if product.residual else None
        out = torch.empty(self.count, outputs, dtype=torch.float8_e4m3fn if product.out8 else torch.bfloat16, device="cuda")
        stream = torch.cuda.current_stream().cuda_stream
        at = self.scales.data_ptr()
        run = lambda: product.run(  # noqa: E731
            source.data_ptr(), weights.data_ptr(), out.data_ptr(), self.count, bias.data_ptr(), at, self.workspace.data_ptr(), stream,
            added.data_ptr() if product.residual else None, at + 2 * SCALE_BYTES,
        )

        def check():
            few = slice(0, 512)
            theirs = source[few].float() @ weights.float().t() * (0.25 * 2.0**-9) + bias.float()
            theirs = F.gelu(theirs) if product.gelu else theirs
            theirs = theirs + added[few].float() if product.residual else theirs
            ours = out[few].float() / (4 if product.out8 else 1)
            rounded = in_eight(theirs, 0.25).float() * 0.25 if product.out8 else theirs.bfloat16().float()
            return {"relative_error": relative(ours, theirs), "of_rounding_alone": relative(rounded, theirs)}

        return product, run, check, 2 * self.count * outputs * inputs


def arithmetic_and_speed(shape, batches):
    """Every kernel by itself."""
    for rows, tokens in batches:
        pieces = Pieces(shape, rows, tokens)
        kernels = {"norm": pieces.norm, "gelu": pieces.gelu, "attention": pieces.attention, "attention-bf16": lambda: pieces.attention(False)}
        for name, make in kernels.items():
            with guarded({"kernel": name, "rows": rows, "tokens": tokens}) as row:
                run, check, moved = make()
                run()
                torch.cuda.synchronize()
                row.update(check())
                row["ms"] = milliseconds(run)
                row["GB/s"] = moved / row["ms"] / 1e6


def find_way(shape):
    """Has products computed in the first way in which cuBLASLt takes them."""
    import cublaslt

    def own(self, tokens, *layouts):
        return self.proposed(self.choice + 1, *layouts)[0].algorithm

    def any_sums(function, of, attribute, value, known=cublaslt.set_attribute):
        if (function, attribute) != ("cublasLtMatmulPreferenceSetAttribute", cublaslt.PREFERENCE_REDUCTION):
            known(function, of, attribute, value)

    ways = {"as it is": None, "own algorithm": (Product, "algorithm", own), "any sums": (cublaslt, "set_attribute", any_sums)}
    for name, patch in ways.items():
        if patch is not None:
            setattr(*patch)
        with guarded({"way": name}) as row:
            pieces = Pieces(shape, 7, 101)
            _, run, check, _ = pieces.product(3 * shape["width"], shape["width"])
            run()
            torch.cuda.synchronize()
            row.update(check())
            return


def products(shape, rows, tokens, proposals=8):
    """Every product in its variants; which of cuBLASLt's proposals is best. Returns the best by product."""
    pieces = Pieces(shape, rows, tokens)
    width, hidden = shape["width"], shape["hidden"]
    cases = {
        "query_key_value": [(3 * width, width, {})],
        "attention_out": [(width, width, {"residual": True}), (width, width, {})],
        "ffn_in": [(hidden, width, {"gelu": True, "out8": True}), (hidden, width, {}), (hidden, width, {"out8": True}), (hidden, width, {"gelu": True})],
        "ffn_out": [(width, hidden, {"residual": True}), (width, hidden, {})],
    }
    best = {}
    for name, variants in cases.items():
        for outputs, inputs, options in variants:
            for fast in (True, False) if options == variants[0][2] else (True,):
                with guarded({"product": name, "fast": fast, **options}) as row:
                    product, run, check, operations = pieces.product(outputs, inputs, fast=fast, **options)
                    run()
                    torch.cuda.synchronize()
                    row.update(check())
                    row["ms"] = milliseconds(run)
                    row["TF"] = operations / row["ms"] / 1e9
                    if not fast:
                        continue
                    layouts = product.layouts(pieces.count)[:3]
                    found = len(product.proposed(proposals, *layouts))
                    times = [row["ms"]]
                    for choice in range(1, found):
                        _, run, _, _ = pieces.product(outputs, inputs, fast=fast, choice=choice, **options)
                        times.append(milliseconds(run, 15))
                    chosen = min(range(len(times)), key=times.__getitem__)
                    row.update(proposals=found, best=chosen, best_ms=times[chosen], best_TF=operations / times[chosen] / 1e9)
                    best[name, tuple(options)] = chosen
    with guarded({"product": "ffn_in", "by": "torch._scaled_mm"}) as row:
        a, b = in_eight(pieces.drawn(pieces.count, width)), in_eight(pieces.drawn(hidden, width)).t()
        one = torch.ones((), device="cuda")
        row["ms"] = milliseconds(lambda: torch._scaled_mm(a, b, one, one, out_dtype=torch.bfloat16, use_fast_accum=True))
        row["TF"] = 2 * pieces.count * width * hidden / row["ms"] / 1e9
    return best


def whole(weights, checker, batches, best):
    """All layers, in every variant. Returns settings of the fastest."""
    fastest = (0, {}, [0] * len(PRODUCTS))
    shape, largest = weights.shape, max(rows * tokens for rows, tokens in batches)
    largest = max(largest, 96 * 168)
    made = []
    for i in range(shape["layers"]):
        at = f"layers.{i}"
        made.append((weights.vectors(at).bfloat16(), weights.scales(at), [weights.eight(at, part) for part in PRODUCTS]))
    variants = {"gelu-in-product": {}, "own-gelu": {"gelu_in_product": False}, "gelu-in-product-slow-sums": {"fast": False}}
    for name, options in variants.items():
        for chosen in (False, True) if options.get("fast", True) else (False,):
            with guarded({"whole": name, "chosen_by_time": chosen, "layers": shape["layers"]}) as row:
                encoder = Encoder(weights, made, options, largest)
                if chosen:
                    for part, product in zip(PRODUCTS, encoder.layer.products):
                        mine = {"residual": product.residual, "gelu": product.gelu, "out8": product.out8}
                        product.choice = best.get((part, tuple(key for key, value in mine.items() if value)), 0)
                for rows, tokens in batches:
                    ids, lengths = random_batch(rows, tokens)
                    ms = statistics.median(encoder.milliseconds(ids, lengths))
                    row[f"tok/s {rows}x{tokens}"] = rows * tokens / ms * 1e3
                    row[f"TF {rows}x{tokens}"] = flops_per_token(shape, tokens) * rows * tokens / ms / 1e9
                row["queued_ms"] = encoder.queued * 1e3
                choices = [product.choice for product in encoder.layer.products]
                row["choices"] = choices
                row.update(checker(encoder))
                if row["finite"] and options.get("fast", True):
                    fastest = max(fastest, (row[f"tok/s {batches[1][0]}x{batches[1][1]}"], options, choices), key=lambda each: each[0])
    return {"options": fastest[1], "choices": fastest[2]}


def use(settings):
    """Has plugins compute layers so."""

    @functools.cache
    def layer_for(*shape):
        layer = EncoderLayer(*shape, **settings["options"])
        for product, choice in zip(layer.products, settings["choices"]):
            product.choice = choice
        return layer

    encoder_layer.layer_for = encoder_plugin.layer_for = layer_for


def hosted(options):
    """The plan as a server's model runs it: batches queued behind each other, answers copied by another thread."""
    import numpy as np
    from cuda_runtime import Cuda
    from overlap import Overlap
    from plan_engine import Plan

    path = os.path.join(options.work, "fp8-layer", "model.plan")
    with guarded({"hosted": path}) as row:
        runner = Plan(path, Cuda(0), 3)
        for rows, tokens in pairs(options.batches):
            ids, lengths = random_batch(rows, tokens)
            ids, lengths = ids.cpu().numpy(), lengths.cpu().numpy()
            overlap, answers = Overlap(runner.slots), []
            for i in range(45):
                if i == 5:
                    overlap.last.answered.wait()
                    start = time.time()
                overlap.start((ids, lengths), ids.size, lambda found: answers.append(np.isfinite(found).all()))
                overlap.hold()
            overlap.last.answered.wait()
            row[f"tok/s {rows}x{tokens}"] = 40 * rows * tokens / (time.time() - start)
            row["finite"] = len(answers) == 45 and all(answers)
            overlap.close(5)


def plan(options, form, weights, calibration, checker):
    """A plan of all layers."""
    layers = weights.shape["layers"]
    with guarded({"plan": form, "layers": layers}) as row:
        work = os.path.join(options.work, form)
        folder = os.path.join(options.graphs, f"{options.model}-{form}")
        graph = onnx.load(os.path.join(folder, "model.onnx"), load_external_data=False).graph
        start = time.time()
        if any(node.op_type == "VirnucproEncoderLayer" for node in graph.node):
            path, shape, _ = materialize(folder, work, layers, weights=ForOperator(weights, calibration))
            put_operator_scales(path, ForOperator(weights, calibration))
        else:
            products = {layer for name, *_ in fp8_products(graph) for layer in model_members(name)}
            path, shape, _ = materialize(folder, work, layers, weights=InGraph(weights, calibration, products))
            put_scales(path, calibration, shape)
        row["made_s"] = time.time() - start
        request = {"onnx": path, "plan": os.path.join(work, "model.plan"), "profiles": parse_profiles(options.profiles), "optimizationLevel": 3}
        row["build_s"] = build(request)["seconds"]
        os.unlink(os.path.join(work, "weights.bin"))
        engine = Engine(request["plan"])
        row["plan_bytes"] = os.path.getsize(request["plan"])
        row["fused_attention"] = engine.fused_attention()
        for rows, tokens in pairs(options.batches):
            m = measure(engine, shape, rows, tokens, repeats=15)
            row[f"tok/s {rows}x{tokens}"], row[f"TF {rows}x{tokens}"] = m["tokens_per_s"], m["tflops"]
        row.update(checker(engine))
        if form != "fp8-layer":  # that one is hosted afterwards
            shutil.rmtree(work)


def model_members(product):
    prefix, part = product.rsplit(".", 1)
    return [f"{prefix}.{each}" for each in model.JOINED.get(part, (part,))]


def put_operator_scales(path, weights):
    """Gives every operator the scales of its layer."""
    whole_model = onnx.load(path, load_external_data=False)
    for node in whole_model.graph.node:
        if node.op_type == "VirnucproEncoderLayer":
            layer = node.input[3].split("/")[-1].removesuffix(".vectors")
            values = weights.scales(layer).cpu().numpy()
            whole_model.graph.initializer.append(onnx.numpy_helper.from_array(values, f"{layer}.scales"))
            node.input[4] = f"{layer}.scales"
    with open(path, "wb") as file:
        file.write(whole_model.SerializeToString())


class guarded:
    """Emits a row when it is complete, or with what went wrong."""

    def __init__(self, row):
        self.row, self.start = row, time.time()

    def __enter__(self):
        return self.row

    def __exit__(self, kind, error, _):
        if kind is not None:
            if not issubclass(kind, Exception):
                return False
            traceback.print_exc()
            self.row["error"] = str(error)[:400]
        emit({**self.row, "took_s": time.time() - self.start, "at_s": time.time() - BEGIN})
        torch.cuda.empty_cache()
        return True


BEGIN = time.time()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--graphs", required=True)
    parser.add_argument("--model", default="esm2-3B")
    parser.add_argument("--layers", type=int)
    parser.add_argument("--parts", default="kernels,products,whole,plan,hosted,theirs")
    parser.add_argument("--batches", default="331x51,167x101,100x168,334x101")
    parser.add_argument("--profiles", default="1x2:331x51:1284x51,1x52:167x101:668x101,1x102:100x168:390x168")
    parser.add_argument("--work", default="/tmp/fp8-kernels")
    parser.add_argument("--seconds", type=float, default=300)
    parser.add_argument("--check-rows", type=int, default=192)
    parser.add_argument("--try-out", action="store_true")
    options = parser.parse_args()
    torch.backends.cuda.matmul.allow_tf32 = False
    os.makedirs(options.work, exist_ok=True)
    options.device = "cpu" if options.try_out else "cuda"
    options.calibrate = None
    shape = load_shape(os.path.join(options.graphs, f"{options.model}-fp8-layer"))
    shape["layers"] = options.layers or shape["layers"]
    plain = Weights(shape, device=options.device)
    with torch.no_grad():
        if options.try_out:
            return try_out(options, plain)
        emit({"gpu": torch.cuda.get_device_name(), "cublaslt": library().cublasLtGetVersion(), "torch": torch.__version__})
        measure_all(options, shape, plain)


def measure_all(options, shape, plain):
    def wanted(part):
        return part in options.parts.split(",") and time.time() - BEGIN < options.seconds

    batches = pairs(options.batches)
    find_way(shape)
    best, calibration, checker = {}, None, None
    if wanted("kernels"):
        arithmetic_and_speed(shape, [batches[0], batches[2]])
    if wanted("products"):
        best = products(shape, *batches[1])
    settled = os.path.join(options.work, "settled.json")
    if os.path.exists(settled):
        with open(settled) as file:
            use(json.load(file))
    if wanted("hosted"):
        hosted(options)
    if not any(wanted(part) for part in ("whole", "plan", "theirs")):
        return
    with guarded({"calibrated": True}):
        calibration = Calibration(plain, *calibration_batch(options))
        checker = Checker(plain, options.check_rows)
    if wanted("whole"):
        settings = whole(ForOperator(plain, calibration), checker, batches, best)
        emit({"settled": settings})
        with open(settled, "w") as file:
            json.dump(settings, file)
    if wanted("plan"):
        plan(options, "fp8-layer", plain, calibration, checker)
    if wanted("theirs"):
        plan(options, "fp8-fused", plain, calibration, checker)


def try_out(options, plain):
    calibration = Calibration(plain, *calibration_batch(options, rows=4, length=20))
    weights = ForOperator(plain, calibration)
    folder, work = os.path.join(options.graphs, f"{options.model}-fp8-layer"), os.path.join(options.work, "try")
    path, shape, _ = materialize(folder, work, plain.shape["layers"], weights=weights)
    put_operator_scales(path, weights)
    eight = weights.eight("layers.0", "ffn_in")
    theirs = plain["layers.0.ffn_in.weight"]
    ours = eight.view(torch.float8_e4m3fn).float() * weights.steps("layers.0", "ffn_in")[1]
    emit({"shape": list(eight.shape), "relative_error": relative(ours, theirs), "vectors": weights.vectors("layers.0").numel()})
    emit({"library": library().cublasLtGetVersion(), "ffn_in": FFN_IN})


if __name__ == "__main__":
    main()
