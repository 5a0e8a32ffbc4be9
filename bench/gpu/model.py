"""Random models of the published shapes, on a GPU: weights from a seed, graphs filled with them, and the same models
in PyTorch, written from the papers, as a reference in FP32.

Graphs come without weights from make-graphs.ts. Tensors are named as in those graphs, without the scope of a layer.
"""

import json
import os
import zlib

import onnx
import torch
from torch.nn import functional as F

DTYPES = {
    onnx.TensorProto.FLOAT: torch.float32,
    # Four numbers in FP8 each, see fp8_kernels.py.
    onnx.TensorProto.INT32: torch.int32,
    onnx.TensorProto.BFLOAT16: torch.bfloat16,
    onnx.TensorProto.FLOAT16: torch.float16,
}
JOINED = {
    "query_key": ("query", "key"),
    "query_key_value": ("query", "key", "value"),
    "ffn_gate_in": ("ffn_gate", "ffn_in"),
}
TOKEN_DROPOUT = 1 - 0.15 * 0.8


def load_shape(folder):
    with open(os.path.join(folder, "shape.json")) as file:
        return json.load(file)


class Weights:
    """Tensors by name, each from its own seed, so that no form of the graph changes them. FP32, on the GPU.

    Magnitudes are those of trained models in kind: activations stay of order one through all layers.
    """

    def __init__(self, shape, seed=1, device="cuda", keep=True):
        self.shape, self.seed, self.device, self.keep, self.made = shape, seed, device, keep, {}

    def size_of(self, name):
        s = self.shape
        part = name.split(".")[-2]
        width, hidden = s["width"], s["hidden"]
        if name == "embed.weight":
            return (s["vocabulary"], width)
        if name == "token_types.weight":
            return (2, width)
        if name.endswith(".bias"):
            return (hidden,) if part in ("ffn_in", "ffn_gate") else (width,)
        if part in ("query", "key", "value", "attention_out"):
            return (width, width)
        if part in ("ffn_in", "ffn_gate"):
            return (hidden, width)
        return (width, hidden) if part == "ffn_out" else (width,)

    def __getitem__(self, name):
        known = self.made.get(name)
        if known is not None:
            return known
        generator = torch.Generator(self.device).manual_seed(zlib.crc32(f"{self.seed}/{name}".encode()))
        size = self.size_of(name)
        drawn = torch.randn(size, generator=generator, device=self.device)
        if "norm" in name:
            value = drawn * 0.05 + (1 if name.endswith("weight") else 0)
        elif name.endswith(".bias"):
            value = drawn * 0.02
        elif name.startswith(("embed", "token_types")):
            value = drawn * 0.5
        else:
            # Layer outputs of order one whatever the width, and what is added to the residual somewhat smaller.
            value = drawn * (size[1] ** -0.5) * (0.5 if name.endswith("out.weight") else 1)
        if self.keep:
            self.made[name] = value
        return value

    def for_graph(self, name):
        """A graph's own tensor: transposed, scaled and joined as the graph writer does it."""
        plain = name.split("/")[-1]
        if plain == "embed.weight":
            table = self[plain]
            return table * TOKEN_DROPOUT if self.shape["kind"] == "esm2" else table + self["token_types.weight"][0]
        prefix, part, kind = plain.rsplit(".", 2) if plain.count(".") > 1 else ("", *plain.split("."))
        parts = [self.part(f"{prefix}.{p}" if prefix else p, kind) for p in JOINED.get(part, (part,))]
        return parts[0] if len(parts) == 1 else torch.cat(parts, dim=-1)

    def part(self, name, kind):
        value = self[f"{name}.{kind}"]
        if name.endswith(".query"):
            value = value * (self.shape["width"] // self.shape["heads"]) ** -0.5
        return value.t() if value.dim() == 2 else value


def materialize(graph_folder, target, layers=None, seed=1, weights=None):
    """Writes a graph cut to its first layers, with weights, to `target`/model.onnx; returns shape and weights."""
    shape = load_shape(graph_folder)
    model = onnx.load(os.path.join(graph_folder, "model.onnx"), load_external_data=False)
    if layers is not None and layers < shape["layers"]:
        cut(model.graph, layers)
        shape = {**shape, "layers": layers}
    weights = weights or Weights(shape, seed)
    os.makedirs(target, exist_ok=True)
    with open(os.path.join(target, "weights.bin"), "wb") as file:
        for tensor in model.graph.initializer:
            if tensor.data_location != onnx.TensorProto.EXTERNAL:
                continue
            value = weights.for_graph(tensor.name)
            if tuple(value.shape) != tuple(tensor.dims):
                raise ValueError(f"{tensor.name}: made {tuple(value.shape)}, graph has {tuple(tensor.dims)}")
            raw = value.to(DTYPES[tensor.data_type]).contiguous().view(torch.uint8).cpu().numpy()
            file.write(b"\0" * (-file.tell() % 4096))
            del tensor.external_data[:]
            for key, text in (("location", "weights.bin"), ("offset", file.tell()), ("length", raw.nbytes)):
                tensor.external_data.add(key=key, value=str(text))
            file.write(memoryview(raw).cast("B"))
    path = os.path.join(target, "model.onnx")
    with open(path, "wb") as file:
        file.write(model.SerializeToString())
    return path, shape, weights


def cut(graph, layers):
    """Drops layers from the end: what used the last one's result uses that of the last layer kept."""

    def layer_of(name):
        return int(name.split("/")[0][6:]) if name.startswith("layer_") and "/" in name else 0

    kept = [node for node in graph.node if layer_of(node.name) <= layers]
    dropped = {output for node in graph.node if layer_of(node.name) > layers for output in node.output}
    last = [node for node in kept if layer_of(node.name) == layers][-1].output[0]
    for node in kept:
        for i, name in enumerate(node.input):
            if name in dropped:
                node.input[i] = last
    del graph.node[:]
    graph.node.extend(kept)
    used = {name for node in kept for name in node.input}
    tensors = [tensor for tensor in graph.initializer if tensor.name in used]
    del graph.initializer[:]
    graph.initializer.extend(tensors)


def flops_per_token(shape, length):
    """Of matrix products, two for each multiplication and addition; attention over `length` tokens."""
    width, hidden = shape["width"], shape["hidden"]
    products = 3 if shape["kind"] == "dnabert_s" else 2
    return shape["layers"] * (2 * (4 * width * width + products * width * hidden) + 4 * width * length)


def random_batch(rows, length, vocabulary=None, lengths=None, seed=0, kind="esm2", device="cuda"):
    """INT32 ids [rows,length] with special tokens in place and INT32 lengths [rows]."""
    generator = torch.Generator(device).manual_seed(seed)
    low, high = (4, 24) if kind == "esm2" else (5, vocabulary or 4096)
    ids = torch.randint(low, high, (rows, length), generator=generator, device=device, dtype=torch.int32)
    if lengths is None:
        lengths = torch.full((rows,), length, dtype=torch.int32, device=device)
    lengths = lengths.to(device=device, dtype=torch.int32)
    first, last, pad = (0, 2, 1) if kind == "esm2" else (1, 2, 3)
    position = torch.arange(length, device=device)[None]
    ids[:, 0] = first
    ids = torch.where(position == lengths[:, None] - 1, last, ids)
    ids = torch.where(position >= lengths[:, None], pad, ids)
    return ids.to(torch.int32).contiguous(), lengths.contiguous()


def pooled(x, ids, lengths, kind):
    position = torch.arange(ids.shape[1], device=ids.device)[None]
    if kind == "esm2":
        count = torch.clamp(lengths - 2, max=1024)
        keep = (position > 0) & (position <= count[:, None])
    else:
        count, keep = lengths, position < lengths[:, None]
    return (x.float() * keep[..., None]).sum(1) / count[:, None]


def linear(w, name, x, bias=True):
    weight = w[f"{name}.weight"].to(x.dtype)
    return F.linear(x, weight, w[f"{name}.bias"].to(x.dtype) if bias else None)


def norm(w, name, x, eps):
    shape = (x.shape[-1],)
    return F.layer_norm(x, shape, w[f"{name}.weight"].to(x.dtype), w[f"{name}.bias"].to(x.dtype), eps)


def rotary_tables(shape, length, device):
    size = shape["width"] // shape["heads"]
    inverse = (10000 ** (-torch.arange(0, size, 2, dtype=torch.float64) / size)).half().float().to(device)
    angle = torch.arange(length, device=device, dtype=torch.float32)[:, None] * inverse[None]
    angle = torch.cat([angle, angle], -1)
    return angle.cos(), angle.sin()


def turn(x, cos, sin):
    a, b = x.chunk(2, -1)
    return x * cos + torch.cat([-b, a], -1) * sin


def esm2_reference(w, ids, lengths, dtype=torch.float32):
    """ESM-2 (doi:10.1126/science.ade2574) with VirNucPro's mean: FP32 [rows,width]."""
    s = w.shape
    heads, size = s["heads"], s["width"] // s["heads"]
    rows, length = ids.shape
    x = (w["embed.weight"] * TOKEN_DROPOUT).to(dtype)[ids.long()]
    cos, sin = (t.to(dtype) for t in rotary_tables(s, length, ids.device))
    hidden_key = torch.arange(length, device=ids.device)[None] >= lengths[:, None]
    bias = torch.zeros(rows, 1, 1, length, device=ids.device, dtype=dtype)
    bias.masked_fill_(hidden_key[:, None, None], float("-inf"))

    def split(y):
        return y.view(rows, length, heads, size).transpose(1, 2)

    for i in range(s["layers"]):
        at = f"layers.{i}."
        y = norm(w, at + "attention_norm", x, s["layerNormEps"])
        q = turn(split(linear(w, at + "query", y) * size**-0.5), cos, sin)
        k = turn(split(linear(w, at + "key", y)), cos, sin)
        scores = q @ k.transpose(-1, -2) + bias
        mixed = torch.softmax(scores.float(), -1).to(dtype) @ split(linear(w, at + "value", y))
        x = x + linear(w, at + "attention_out", mixed.transpose(1, 2).reshape(rows, length, -1))
        y = norm(w, at + "ffn_norm", x, s["layerNormEps"])
        x = x + linear(w, at + "ffn_out", F.gelu(linear(w, at + "ffn_in", y)))
    return pooled(norm(w, "final_norm", x, s["layerNormEps"]), ids, lengths, "esm2")


def alibi_slopes(heads):
    def series(n):
        return [2 ** (-8 * (k + 1) / n) for k in range(n)]

    below = 2 ** (heads.bit_length() - 1)
    return series(below) + series(2 * below)[::2][: heads - below]


def dnabert_reference(w, ids, lengths, dtype=torch.float32):
    """DNABERT-S (arXiv:2402.08777) with the mean over all tokens: FP32 [rows,width]."""
    s = w.shape
    heads, size = s["heads"], s["width"] // s["heads"]
    rows, length = ids.shape
    table = (w["embed.weight"] + w["token_types.weight"][0]).to(dtype)
    x = norm(w, "embed_norm", table[ids.long()], s["layerNormEps"])
    at = torch.arange(length, device=ids.device)
    slopes = torch.tensor(alibi_slopes(heads), device=ids.device)
    bias = -slopes[:, None, None] * (at[None] - at[:, None]).abs()[None]
    bias = bias[None].repeat(rows, 1, 1, 1)
    bias = bias.masked_fill((at[None] >= lengths[:, None])[:, None, None], -10000.0).to(dtype)

    def split(y):
        return y.view(rows, length, heads, size).transpose(1, 2)

    for i in range(s["layers"]):
        p = f"layers.{i}."
        scores = split(linear(w, p + "query", x)) @ split(linear(w, p + "key", x)).transpose(-1, -2) * size**-0.5
        mixed = torch.softmax((scores + bias).float(), -1).to(dtype) @ split(linear(w, p + "value", x))
        out = linear(w, p + "attention_out", mixed.transpose(1, 2).reshape(rows, length, -1))
        x = norm(w, p + "attention_norm", out + x, s["layerNormEps"])
        gated = F.gelu(linear(w, p + "ffn_gate", x, False)) * linear(w, p + "ffn_in", x, False)
        x = norm(w, p + "ffn_norm", linear(w, p + "ffn_out", gated) + x, s["layerNormEps"])
    return pooled(x, ids, lengths, "dnabert_s")


def reference(w, ids, lengths, dtype=torch.float32, tokens_at_once=8192):
    """The model of these weights, a few rows at a time. Without TF32."""
    run = esm2_reference if w.shape["kind"] == "esm2" else dnabert_reference
    step = max(1, tokens_at_once // ids.shape[1])
    with torch.no_grad():
        pieces = [run(w, ids[i : i + step], lengths[i : i + step], dtype) for i in range(0, len(ids), step)]
    return torch.cat(pieces)


def agreement(ours, theirs):
    """How near two sets of embeddings are, row by row."""
    a, b = ours.double(), theirs.double()
    cosine = F.cosine_similarity(a, b)
    error = ((a - b).norm(dim=1) / b.norm(dim=1)).max()
    return {
        "rows": len(a),
        "finite": bool(torch.isfinite(ours).all()),
        "cosine_min": cosine.min().item(),
        "cosine_mean": cosine.mean().item(),
        "relative_error_max": error.item(),
        "max_abs": (a - b).abs().max().item(),
    }
