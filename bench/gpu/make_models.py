#!/usr/bin/env python3
"""Writes random models in the layouts that users have: a fair-esm checkpoint, a DNABERT-S folder and a classifier.

Usage: make_models.py --tokenizer tokenizer.json [--esm 3B | WIDTH,LAYERS,HEADS] [--dnabert WIDTH,LAYERS,HEADS,HIDDEN]
                      [--device cuda] [--rows rows.jsonl] OUT_DIR
The tensors are those of model.py rounded to half precision, as published checkpoints of ESM-2 have them, so that
verify_plan.py can make the same models again as a reference. Prints one line of JSON with the time.

The classifier is random, too, unless --rows names frames of make-reads.ts: then it is trained to tell the viral ones from the
rest with their embeddings in BF16, so that most of its scores are near 0 or 1 as those of a real one are.
"""

import argparse
import json
import math
import os
import shutil
import time

import torch

from baselines_dnabert import SHAPE as DNABERT
from baselines_esm import SHAPES, shape_of
from model import Weights, reference
from training import PAD, MLPClassifier, embeddings, trained

FAIR = {
    "attention_norm": "self_attn_layer_norm",
    "query": "self_attn.q_proj",
    "key": "self_attn.k_proj",
    "value": "self_attn.v_proj",
    "attention_out": "self_attn.out_proj",
    "ffn_norm": "final_layer_norm",
    "ffn_in": "fc1",
    "ffn_out": "fc2",
}
BOTH = ("weight", "bias")


def esm_shape(text):
    if text in SHAPES:
        return shape_of(text)
    width, layers, heads = map(int, text.split(","))
    return {**shape_of("8M"), "width": width, "layers": layers, "heads": heads, "hidden": 4 * width}


def dnabert_shape(text):
    if not text:
        return DNABERT
    return {**DNABERT, **dict(zip(("width", "layers", "heads", "hidden"), map(int, text.split(","))))}


class HalfWeights(Weights):
    """The same tensors with the digits that a checkpoint in half precision keeps."""

    def __getitem__(self, name):
        return super().__getitem__(name).half().float()


def esm_checkpoint(shape, device):
    w = HalfWeights(shape, device=device, keep=False)
    size = shape["width"] // shape["heads"]
    inverse = (10000 ** (-torch.arange(0, size, 2).float() / size)).half()
    tensors = {"embed_tokens.weight": w["embed.weight"], "lm_head.bias": torch.zeros(33)}
    for i in range(shape["layers"]):
        for ours, theirs in FAIR.items():
            for kind in BOTH:
                tensors[f"layers.{i}.{theirs}.{kind}"] = w[f"layers.{i}.{ours}.{kind}"].half().cpu()
        tensors[f"layers.{i}.self_attn.rot_emb.inv_freq"] = inverse
    for kind in BOTH:
        tensors[f"emb_layer_norm_after.{kind}"] = w[f"final_norm.{kind}"]
    model = {f"encoder.sentence_encoder.{name}": value.half().cpu() for name, value in tensors.items()}
    settings = argparse.Namespace(encoder_attention_heads=shape["heads"], token_dropout=True, arch="esm2")
    return {"cfg": {"model": settings}, "model": model}


def dnabert_tensors(shape, device):
    w = HalfWeights(shape, seed=2, device=device)
    tensors = {
        "embeddings.word_embeddings.weight": w["embed.weight"],
        "embeddings.token_type_embeddings.weight": w["token_types.weight"],
    }
    for kind in BOTH:
        tensors[f"embeddings.LayerNorm.{kind}"] = w[f"embed_norm.{kind}"]
    for i in range(shape["layers"]):
        at, layer = f"encoder.layer.{i}.", f"layers.{i}."
        for kind in BOTH:
            joined = [w[f"{layer}{part}.{kind}"] for part in ("query", "key", "value")]
            tensors[f"{at}attention.self.Wqkv.{kind}"] = torch.cat(joined)
            tensors[f"{at}attention.output.dense.{kind}"] = w[f"{layer}attention_out.{kind}"]
            tensors[f"{at}attention.output.LayerNorm.{kind}"] = w[f"{layer}attention_norm.{kind}"]
            tensors[f"{at}mlp.wo.{kind}"] = w[f"{layer}ffn_out.{kind}"]
            tensors[f"{at}mlp.layernorm.{kind}"] = w[f"{layer}ffn_norm.{kind}"]
        gated = [w[f"{layer}{part}.weight"] for part in ("ffn_gate", "ffn_in")]
        tensors[f"{at}mlp.gated_layers.weight"] = torch.cat(gated)
    return {f"bert.{name}": value.cpu() for name, value in tensors.items()}


def embedded(shape, seed, device, rows):
    """In BF16 on a GPU: FP32 [rows,width]."""
    weights = HalfWeights(shape, seed=seed, device=device)
    dtype = torch.float32 if device == "cpu" else torch.bfloat16
    return embeddings(lambda ids, lengths: reference(weights, ids, lengths, dtype), rows, PAD[shape["kind"]], [math.inf], device)


def classifier(esm, dnabert, device, path):
    torch.manual_seed(3)
    if path is None:
        return MLPClassifier(esm["width"] + dnabert["width"])
    with open(path) as file:
        lines = [json.loads(line) for line in file]
    # DNABERT-S is first, as in the original's table.
    models = (("dnabert_s", dnabert, 2), ("esm2", esm, 1))
    features = [embedded(shape, seed, device, [line[name] for line in lines]) for name, shape, seed in models]
    viral = torch.tensor([int(line["viral"]) for line in lines], device=device)
    return trained(torch.cat(features, dim=1), viral, 3).cpu()


def save(value, *path):
    path = os.path.join(*path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    torch.save(value, path)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokenizer", required=True)
    parser.add_argument("--esm", default="3B")
    parser.add_argument("--dnabert", default="")
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--rows")
    parser.add_argument("output")
    options = parser.parse_args()
    start = time.time()
    esm, dnabert = esm_shape(options.esm), dnabert_shape(options.dnabert)
    save(esm_checkpoint(esm, options.device), options.output, "esm2.pt")
    folder = os.path.join(options.output, "DNABERT-S")
    save(dnabert_tensors(dnabert, options.device), folder, "pytorch_model.bin")
    config = {"model_type": "bert", "num_attention_heads": dnabert["heads"], "layer_norm_eps": dnabert["layerNormEps"]}
    with open(os.path.join(folder, "config.json"), "w") as file:
        json.dump(config, file)
    shutil.copy(options.tokenizer, os.path.join(folder, "tokenizer.json"))
    save(classifier(esm, dnabert, options.device, options.rows), options.output, "500_model.pth")
    for name, shape in (("esm2", esm), ("dnabert_s", dnabert)):
        with open(os.path.join(options.output, f"{name}.shape.json"), "w") as file:
            json.dump(shape, file)
    print(json.dumps({"step": "models", "seconds": round(time.time() - start, 1)}))


if __name__ == "__main__":
    main()
