#!/usr/bin/env python3
"""ESM-2 in FP8: calibrates the random model as `models import --precision fp8` does, writes the scales into graphs, builds
plans, and gives speed and accuracy of BF16 and FP8 in one run.

Usage: fp8.py --graphs FOLDER [--model esm2-3B] [--whole gelu-table-tokens,fp8-gelu-pair-tokens] [--forms ...] [--layers 4]
              [--calibrate PROTEINS] [--proteins PROTEINS]
The forms of --whole get all layers, those of --forms the first --layers. Files of proteins, one to a line, take the place of
random ones: those of --calibrate are cut to 49 residues, those of --proteins are checked with. Prints a line of JSON for each as it is measured.
--no-plan writes and checks the graphs and simulates, without TensorRT and on any device: to try the script.
"""

import argparse
import math
import os
import shutil
import time
import traceback

import onnx
import torch
from onnx import numpy_helper

import model
from engine import Engine, build, by_kind, emit, gemm_ceiling, has_operator, pairs, table
from model import JOINED, Weights, agreement, load_shape, materialize, random_batch, reference
from plan_speed import measure
from sweep import calls_agree, check, parse_profiles, proteins

LARGEST = 448
HEADROOM = 2
exact_linear = model.linear


def scale_for(largest):
    return 2.0 ** math.ceil(math.log2(largest / LARGEST)) if largest > 0 else 1.0


def through_fp8(x, scale):
    return (x.bfloat16().float() / scale).clamp(-LARGEST, LARGEST).to(torch.float8_e4m3fn).float() * scale


class Calibration:
    """Scales and mean errors of every product of a random model, from one batch of sequences without padding."""

    def __init__(self, weights, ids, lengths):
        self.largest, self.correction, self.weights = {}, {}, weights
        with patched(self.watch):
            reference(weights, ids, lengths, tokens_at_once=ids.numel())

    def watch(self, w, name, x, bias=True):
        y = exact_linear(w, name, x, bias)
        largest = self.largest[name] = (x.abs().max().item(), w[f"{name}.weight"].abs().max().item())
        off = self.product(w, name, x, *self.scales([name])) - exact_linear(w, name, x, False)
        self.correction[name] = -off.mean((0, 1))
        assert math.isfinite(largest[0]), name
        return y

    def product(self, w, name, x, input_scale, weight_scale):
        return through_fp8(x, input_scale) @ through_fp8(w[f"{name}.weight"], weight_scale).t()

    def scales(self, names):
        """Of the input and the weights of a product of one or more layers."""
        inputs, weights = zip(*(self.largest[name] for name in names))
        return scale_for(HEADROOM * max(inputs)), scale_for(max(weights))

    def simulated(self, w, name, x, bias=True):
        y = self.product(w, name, x, *self.scales([name])) + self.correction[name]
        return y + w[f"{name}.bias"] if bias else y


class patched:
    """The reference with another linear layer."""

    def __init__(self, linear):
        self.linear = linear

    def __enter__(self):
        model.linear = self.linear

    def __exit__(self, *_):
        model.linear = exact_linear


class Corrected(Weights):
    """The weights of a graph with products in FP8, whose biases take back the mean error of those."""

    def __init__(self, plain, calibration, products):
        super().__init__(plain.shape, plain.seed, plain.device, plain.keep)
        self.made, self.calibration, self.products = plain.made, calibration, products

    def part(self, name, kind):
        value = super().part(name, kind)
        if kind != "bias" or name not in self.products:
            return value
        own = self.calibration.correction[name]
        return value + (own * (self.shape["width"] // self.shape["heads"]) ** -0.5 if name.endswith(".query") else own)


def members(product):
    """The layers that a product stands for: layers.0.query_key is layers.0.query and layers.0.key."""
    prefix, part = product.rsplit(".", 1)
    return [f"{prefix}.{each}" for each in JOINED.get(part, (part,))]


def fp8_products(graph):
    """The products in FP8: name, and the nodes that round input and weights."""
    made = {output: node for node in graph.node for output in node.output}
    found = []
    for node in graph.node:
        sources = [made.get(value) for value in node.input]
        if node.op_type != "MatMul" or any(s is None or s.op_type != "DequantizeLinear" for s in sources):
            continue
        nodes = [(s, made[s.input[0]]) for s in sources]
        weight = nodes[1][1].input[0]
        found.append((weight.split("/")[1].removesuffix(".weight"), *nodes))
    return found


def put_scales(path, calibration, shape):
    """Replaces the scales set by hand; returns how many products there are in FP8."""
    whole = onnx.load(path, load_external_data=False)
    types = {t.name: t.data_type for t in whole.graph.initializer}
    made = {}
    products = fp8_products(whole.graph)
    for name, *sides in products:
        scales = calibration.scales(members(name))
        if name.rsplit(".", 1)[1].startswith("query"):
            # The graph has the scale of queries in their weights; the product of keys beside them decides then.
            factor = (shape["width"] // shape["heads"]) ** -0.5
            largest = [calibration.largest[m][1] * (factor if m.endswith(".query") else 1) for m in members(name)]
            scales = (scales[0], scale_for(max(largest)))
        for (dequantize, quantize), scale in zip(sides, scales):
            for node in (dequantize, quantize):
                constant = f"scale_{math.log2(scale):.0f}_{types[node.input[1]] if node.input[1] in types else ''}"
                if node.input[1] in made:
                    if made[node.input[1]] != scale:
                        raise ValueError(f"{name}: two scales for one rounding")
                    continue
                if constant not in made:
                    tensor = onnx.TensorProto(name=constant, data_type=types[node.input[1]])
                    value = torch.tensor([scale], dtype=model.DTYPES[types[node.input[1]]])
                    tensor.raw_data = value.view(torch.uint8).numpy().tobytes()
                    whole.graph.initializer.append(tensor)
                    made[constant] = scale
                node.input[1] = constant
    with open(path, "wb") as file:
        file.write(whole.SerializeToString())
    return len(products)


def simulate(weights, calibration, options, device):
    """Accuracy of the calibrated products in PyTorch, everything else FP32."""
    ids, lengths = random_batch(min(96, options.check_rows), 51, seed=22, device=device)
    exact = reference(weights, ids, lengths)
    with patched(calibration.simulated):
        ours = reference(weights, ids, lengths)
    return {**agreement(ours, exact), "calls_agree": calls_agree(ours, exact)}


def calibration_batch(options, rows=64, length=51):
    if options.calibrate is None:
        return random_batch(rows, length, seed=21, device=options.device)
    with open(options.calibrate) as file:
        found = [line.strip()[: length - 2] for line in file]
    found = [text for text in found if len(text) == length - 2]
    if not found:
        raise SystemExit(f"error: {options.calibrate} has no protein of {length - 2} residues or more, one to a line")
    return proteins(found, min(rows, len(found)), options.device)


def one(options, form, layers, weights, calibration):
    start = time.time()
    work = os.path.join(options.work, f"{options.model}-{form}-{layers}")
    folder = os.path.join(options.graphs, f"{options.model}-{form}")
    graph = onnx.load(os.path.join(folder, "model.onnx"), load_external_data=False).graph
    products = {layer for name, *_ in fp8_products(graph) for layer in members(name)}
    path, shape, _ = materialize(folder, work, layers, weights=Corrected(weights, calibration, products))
    row = {"form": form, "layers": layers, "fp8_products": put_scales(path, calibration, shape), "made_s": time.time() - start}
    if options.no_plan:
        if not has_operator(path):  # ONNX does not know the operator
            onnx.checker.check_model(path)
        shutil.rmtree(work)
        return row
    plan = os.path.join(work, "model.plan")
    cache = os.path.join(options.work, "timing.cache")
    request = {"onnx": path, "plan": plan, "profiles": parse_profiles(options.profiles), "optimizationLevel": 3, "timingCache": cache}
    row["build_s"] = build(request)["seconds"]
    os.unlink(os.path.join(work, "weights.bin"))
    engine = Engine(plan)
    row["fused_attention"] = engine.fused_attention()
    for rows, length in pairs(options.batches):
        m = measure(engine, shape, rows, length, repeats=15)
        row[f"tok/s {rows}x{length}"] = m["tokens_per_s"] * layers / options.all_layers
        row[f"TF {rows}x{length}"] = m["tflops"]
    cut = Weights({**weights.shape, "layers": layers})
    cut.made = weights.made
    row.update(check(engine, cut, options))
    ids, lengths = random_batch(*pairs(options.batches)[0], shape["vocabulary"])
    times = engine.layer_milliseconds(ids, lengths)
    row["by_kind_ms"] = by_kind(times)
    if layers < options.all_layers:
        for name, ms in times:
            if ms > 0.004:
                print(f"  {ms:8.4f} ms  {name[:170]}", flush=True)
    shutil.rmtree(work)
    return row


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--graphs", required=True)
    parser.add_argument("--model", default="esm2-3B")
    parser.add_argument("--whole", default="gelu-table-tokens,fp8-gelu-pair-tokens")
    parser.add_argument("--forms", default="")
    parser.add_argument("--layers", type=int, default=4)
    parser.add_argument("--batches", default="320x51,331x51,96x168,100x168,192x168")
    parser.add_argument("--profiles", default="1x2:331x51:1024x64,1x65:100x168:256x256")
    parser.add_argument("--work", default="/tmp/fp8")
    parser.add_argument("--seconds", type=float, default=270)
    parser.add_argument("--check-rows", type=int, default=192)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--no-plan", action="store_true")
    parser.add_argument("--calibrate")
    parser.add_argument("--proteins")
    options = parser.parse_args()
    torch.backends.cuda.matmul.allow_tf32 = False
    start = time.time()
    os.makedirs(options.work, exist_ok=True)
    jobs = [(form, None) for form in options.whole.split(",") if form] + [(form, options.layers) for form in options.forms.split(",") if form]
    shape = load_shape(os.path.join(options.graphs, f"{options.model}-{jobs[0][0]}"))
    options.all_layers = shape["layers"]
    weights = Weights(shape, device=options.device)
    with torch.no_grad():
        calibration = Calibration(weights, *calibration_batch(options))
        emit({"simulated": True, "layers": shape["layers"], "calibrate_s": time.time() - start, **simulate(weights, calibration, options, options.device)})
    if not options.no_plan:
        emit({"gpu": torch.cuda.get_device_name(), "bf16_ceiling": gemm_ceiling()})
    rows = []
    for form, layers in jobs:
        if time.time() - start > options.seconds:
            print(f"out of time: {form} not measured", flush=True)
            continue
        try:
            row = one(options, form, layers or shape["layers"], weights, calibration)
            rows.append(row)
            emit({**row, "at_s": time.time() - start})
        except Exception as error:  # one form that cannot be built must not end the run
            traceback.print_exc()
            emit({"form": form, "layers": layers, "error": str(error)[:500]})
    speeds = [f"tok/s {r}x{t}" for r, t in pairs(options.batches)]
    table(rows, ["form", "layers", "fp8_products", *speeds, "cosine_min", "cosine_mean", "relative_error_max", "calls_agree", "fused_attention", "build_s"])


if __name__ == "__main__":
    main()
