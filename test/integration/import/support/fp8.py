"""What FP8 does to an ESM-2, in PyTorch: ranges of what goes into products, and embeddings from the graph of a bundle.

Usage: fp8.py SAFETENSORS BUNDLE/esm2 FRAMES.json; prints one line of JSON. Frames are {"calibration": [[id, ...]], "heldOut": ...}.
"""

import json
import os
import sys

import numpy
import onnx
import torch

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "..", "..", "bench", "gpu"))
import model  # noqa: E402

HF = {
    "attention_norm": "attention.LayerNorm",
    "query": "attention.self.query",
    "key": "attention.self.key",
    "value": "attention.self.value",
    "attention_out": "attention.output.dense",
    "ffn_norm": "LayerNorm",
    "ffn_in": "intermediate.dense",
    "ffn_out": "output.dense",
}
JOINED = {"query": ("query_key", 0), "key": ("query_key", 1)}


def load_file(path):
    """Tensors of a safetensors file of float32."""
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        data = file.read()
    header.pop("__metadata__", None)
    return {
        name: torch.frombuffer(bytearray(data[slice(*t["data_offsets"])]), dtype=torch.float32).reshape(t["shape"])
        for name, t in header.items()
    }


class Exact:
    """Tensors of the Hugging Face file by the names of the reference."""

    def __init__(self, path, shape):
        self.tensors, self.shape = load_file(path), shape

    def __getitem__(self, name):
        if name == "embed.weight":
            return self.tensors["esm.embeddings.word_embeddings.weight"]
        if name.startswith("final_norm"):
            return self.tensors["esm.encoder.emb_layer_norm_after." + name.split(".")[1]]
        _, layer, part, kind = name.split(".")
        return self.tensors[f"esm.encoder.layer.{layer}.{HF[part]}.{kind}"]


class Written(Exact):
    """All as the graph of a bundle has them: weights, biases, scales, and what embeddings get back."""

    def __init__(self, path, shape, folder):
        super().__init__(path, shape)
        graph = onnx.load(os.path.join(folder, "model.onnx")).graph
        self.initializers = {t.name: read(t) for t in graph.initializer if t.data_type != onnx.TensorProto.FLOAT8E4M3FN}
        made = {output: node for node in graph.node for output in node.output}
        back = made[made["embedding"].input[1]]
        self.offset = self.initializers[back.input[1]]
        self.products = {}
        for node in graph.node:
            if node.op_type != "MatMul":
                continue
            weight, scale = self.source(made, node.input[1])
            if weight not in self.initializers or weight.startswith("correction."):
                continue  # a product of attention, or one behind the last layer
            name = weight.split("/")[1].removesuffix(".weight")
            self.products[name] = (weight, scale, self.source(made, node.input[0])[1])

    def __getitem__(self, name):
        value = next(value for own, value in self.initializers.items() if own.split("/")[-1] == name)
        # The graph has token dropout in the table, the reference applies it afterwards.
        return value / model.TOKEN_DROPOUT if name == "embed.weight" else value

    def corrected(self, x):
        return x + x @ self.initializers["correction.from"] @ self.initializers["correction.to"] + self.offset

    def source(self, made, value):
        """What is quantized and dequantized to give this value, and the scale; or the value."""
        node = made.get(value)
        if node is None or node.op_type != "DequantizeLinear":
            return value, None
        quantize = made[node.input[0]]
        return quantize.input[0], self.initializers[quantize.input[1]].item()


def read(tensor):
    if tensor.data_type == onnx.TensorProto.BFLOAT16:
        raw = numpy.frombuffer(tensor.raw_data, numpy.int16)
        return torch.from_numpy(raw.copy()).view(torch.bfloat16).float().reshape(list(tensor.dims))
    return torch.from_numpy(onnx.numpy_helper.to_array(tensor).copy())


def through_fp8(x, scale):
    if scale is None:
        return x
    return (x / scale).clamp(-448, 448).to(torch.float8_e4m3fn).float() * scale


largest = {}
exact_linear = model.linear


def linear(w, name, x, bias=True):
    part = name.split(".")[-1]
    joined, place = JOINED.get(part, (part, 0))
    product = name.removesuffix(part) + joined
    if not isinstance(w, Written):
        largest[product] = max(largest.get(product, 0.0), x.abs().max().item())
        return exact_linear(w, name, x, bias)
    weight, weight_scale, input_scale = w.products[product]
    y = through_fp8(x, input_scale) @ through_fp8(w.initializers[weight], weight_scale)
    y = y + w.initializers[weight.removesuffix("weight") + "bias"]
    if joined != part:
        y = y.chunk(2, -1)[place]
    # The graph has the scale of queries in their weights, the reference applies it afterwards.
    return y * (w.shape["width"] // w.shape["heads"]) ** 0.5 if part == "query" else y


def embed(w, rows):
    with torch.no_grad():
        results = [model.esm2_reference(w, torch.tensor([row]), torch.tensor([len(row)])) for row in rows]
    return torch.cat(results)


torch.set_num_threads(1)
weights, folder, frames = sys.argv[1:]
shape = json.loads(os.environ["SHAPE"])
with open(frames) as file:
    sequences = json.load(file)
model.linear = linear
exact, written = Exact(weights, shape), Written(weights, shape, folder)
embed(exact, sequences["calibration"])
inputs = dict(largest)
reference, ours = embed(exact, sequences["heldOut"]), written.corrected(embed(written, sequences["heldOut"]))
scales = {name: [scale, weight] for name, (_, weight, scale) in written.products.items()}
print(json.dumps({"largest": inputs, "scales": scales, **model.agreement(ours, reference)}))
