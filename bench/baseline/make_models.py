"""Random models in the layouts that the original reads, for bench/first-answer.ts: a fair-esm file, a DNABERT-S folder and
a pickled classifier; ours imports the same files.

Usage: make_models.py WIDTH,LAYERS,HEADS DNABERT_WIDTH,LAYERS,HEADS,HIDDEN TOKENIZER FOLDER
"""
import argparse
import json
import os
import shutil
import sys

import torch
from esm.model.esm2 import ESM2
from safetensors.torch import save_file

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../test/data"))

from original.models import ESM_PREFIX, DnabertS, MLPClassifier

sys.modules["__main__"].MLPClassifier = MLPClassifier


@torch.no_grad()
def draw(model):
    """Magnitudes that keep activations of order one through all layers."""
    for name, parameter in model.named_parameters():
        if parameter.dim() >= 2:
            parameter.normal_(0, 1 if "embed" in name else parameter.shape[1] ** -0.5)
        else:
            parameter.normal_(1.0 if "norm" in name.lower() and name.endswith("weight") else 0.0, 0.1)
    return model


def main():
    esm, dnabert, tokenizer, folder = sys.argv[1:]
    width, layers, heads = map(int, esm.split(","))
    dna_width, dna_layers, dna_heads, hidden = map(int, dnabert.split(","))
    torch.manual_seed(1)
    model = draw(ESM2(layers, width, heads))
    settings = argparse.Namespace(
        arch="esm2", encoder_layers=layers, encoder_embed_dim=width, encoder_attention_heads=heads, token_dropout=True
    )
    state = {f"{ESM_PREFIX}{k}": v.half() for k, v in model.state_dict().items() if "contact_head" not in k}
    os.makedirs(f"{folder}/DNABERT-S", exist_ok=True)
    torch.save({"cfg": {"model": settings}, "model": state}, f"{folder}/esm2.pt")
    del model, state
    with open(tokenizer, encoding="utf-8") as file:
        vocabulary = len(json.load(file)["model"]["vocab"])
    model = draw(DnabertS(dna_layers, dna_width, dna_heads, hidden, vocabulary))
    save_file(dict(model.state_dict()), f"{folder}/DNABERT-S/model.safetensors", metadata={"format": "pt"})
    config = {
        "model_type": "bert", "num_hidden_layers": dna_layers, "hidden_size": dna_width, "num_attention_heads": dna_heads,
        "intermediate_size": hidden, "vocab_size": vocabulary, "layer_norm_eps": 1e-12,
    }  # fmt: skip
    with open(f"{folder}/DNABERT-S/config.json", "w", encoding="utf-8") as file:
        json.dump(config, file)
    shutil.copy(tokenizer, f"{folder}/DNABERT-S/tokenizer.json")
    torch.save(MLPClassifier(width + dna_width, 512), f"{folder}/500_model.pth")


if __name__ == "__main__":
    main()
