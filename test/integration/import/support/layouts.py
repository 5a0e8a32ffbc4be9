"""Saves one model's weights in the layouts that users have. Usage: layouts.py MODELS_DIR"""

import argparse
import json
import os
import sys

import numpy as np
import torch
from torch import nn

root = sys.argv[1]


def read_safetensors(path):
    with open(path, "rb") as handle:
        header = json.loads(handle.read(int.from_bytes(handle.read(8), "little")))
        data = handle.read()
    header.pop("__metadata__", None)
    return {
        name: torch.from_numpy(
            np.frombuffer(data[slice(*entry["data_offsets"])], "<f4").reshape(entry["shape"]).copy()
        )
        for name, entry in header.items()
    }


def save(obj, *path, **options):
    path = os.path.join(root, *path)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    torch.save(obj, path, **options)


def copy_beside(source, target, *names):
    for name in names:
        with open(os.path.join(root, source, name), "rb") as a, open(os.path.join(root, target, name), "wb") as b:
            b.write(a.read())


PARTS = {
    "attention.LayerNorm": "self_attn_layer_norm",
    "attention.self.query": "self_attn.q_proj",
    "attention.self.key": "self_attn.k_proj",
    "attention.self.value": "self_attn.v_proj",
    "attention.output.dense": "self_attn.out_proj",
    "LayerNorm": "final_layer_norm",
    "intermediate.dense": "fc1",
    "output.dense": "fc2",
}


def fair_name(name):
    name = name.removeprefix("esm.")
    if name.startswith("encoder.layer."):
        index, rest = name.removeprefix("encoder.layer.").split(".", 1)
        part, kind = rest.rsplit(".", 1)
        return f"layers.{index}.{PARTS[part]}.{kind}"
    return name.replace("embeddings.word_embeddings", "embed_tokens").removeprefix("encoder.")


esm = read_safetensors(os.path.join(root, "esm", "model.safetensors"))
heads = json.load(open(os.path.join(root, "esm", "config.json")))["num_attention_heads"]
width = esm["esm.embeddings.word_embeddings.weight"].shape[1]
fair = {fair_name(name): value for name, value in esm.items()}
settings = argparse.Namespace(encoder_attention_heads=heads, token_dropout=True, arch="tiny", lr=[4e-4])
ignored = {"encoder.lm_head.bias": torch.zeros(33), "encoder.contact_head.regression.weight": torch.zeros(1, 8)}
full = {f"encoder.sentence_encoder.{name}": value for name, value in fair.items()} | ignored
save({"cfg": {"model": settings}, "model": full}, "esm_fair", "esm2_t2_tiny.pt")
save({"model": {f"encoder.{n}": v for n, v in fair.items()}, "args": settings}, "esm_args.pt")
size = width // heads
frequencies = (10000 ** (-torch.arange(0, size, 2).float() / size)).half()
plain = dict(fair)
for name in fair:
    if name.endswith("fc1.weight"):
        plain[name.replace("fc1.weight", "self_attn.rot_emb.inv_freq")] = frequencies
save(plain, "esm_plain.pt")
save({n: v.half() for n, v in plain.items()}, "esm_half.pt")
save({n: v.half().float() for n, v in plain.items()}, "esm_half_widened.pt")
save({n: v.bfloat16() for n, v in plain.items()}, "esm_bfloat16.pt")
save({n: v.bfloat16().float() for n, v in plain.items()}, "esm_bfloat16_widened.pt")
save({n.removeprefix("esm."): v for n, v in esm.items()}, "esm_bin", "pytorch_model.bin")
copy_beside("esm", "esm_bin", "config.json")
save(esm, "esm_legacy", "pytorch_model.bin", _use_new_zipfile_serialization=False)
copy_beside("esm", "esm_legacy", "config.json")
old = {n.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta"): v for n, v in esm.items()}
old["esm.encoder.layer.*.attention.self.rotary_embeddings.inv_freq"] = frequencies.float()
save(old, "esm_transformers5", "pytorch_model.bin")
copy_beside("esm", "esm_transformers5", "config.json")
names = list(esm)
shards = {"pytorch_model-00001-of-00002.bin": names[::2], "pytorch_model-00002-of-00002.bin": names[1::2]}
for shard, members in shards.items():
    save({name: esm[name] for name in members}, "esm_sharded", shard)
index = {"weight_map": {name: shard for shard, members in shards.items() for name in members}}
json.dump(index, open(os.path.join(root, "esm_sharded", "pytorch_model.bin.index.json"), "w"))
copy_beside("esm", "esm_sharded", "config.json")
save({name: value for name, value in esm.items() if "encoder.layer.1.output" not in name}, "esm_short", "pytorch_model.bin")
copy_beside("esm", "esm_short", "config.json")

dnabert = read_safetensors(os.path.join(root, "dnabert", "model.safetensors"))
masked = {f"bert.{name}": value for name, value in dnabert.items()}
masked |= {"cls.predictions.decoder.bias": torch.zeros(256), "bert.pooler.dense.bias": torch.zeros(32)}
save(masked, "dnabert_bin", "pytorch_model.bin")
copy_beside("dnabert", "dnabert_bin", "config.json", "tokenizer.json")


class MLPClassifier(nn.Module):
    def __init__(self, inputs, hidden, eps=1e-5):
        super().__init__()
        self.hidden_layer = nn.Linear(inputs, hidden)
        self.bn1 = nn.BatchNorm1d(hidden, eps=eps)
        self.dropout = nn.Dropout(0.5)
        self.output_layer = nn.Linear(hidden, 2)

    def forward(self, x):
        return self.output_layer(self.dropout(torch.relu(self.bn1(self.hidden_layer(x)))))


mlp = read_safetensors(os.path.join(root, "mlp.safetensors"))
hidden, inputs = mlp["hidden_layer.weight"].shape
module = MLPClassifier(inputs, hidden)
module.load_state_dict(mlp, strict=False)
save(module, "mlp_module.pth")
save(module.state_dict(), "mlp_state.pth")
save({"epoch": 3, "model_state_dict": module.state_dict(), "loss": 0.1}, "mlp_checkpoint.pth")
save({"state_dict": nn.DataParallel(module).state_dict()}, "mlp_parallel.pth")
order = {"hidden_layer": "fc.0", "bn1": "fc.1", "output_layer": "fc.4"}
renamed = {f"{order[n.rsplit('.', 1)[0]]}.{n.rsplit('.', 1)[1]}": v for n, v in module.state_dict().items()}
save(dict(reversed(renamed.items())), "mlp_renamed.pth")
genuine = torch.serialization.location_tag
torch.serialization.location_tag = lambda storage: "cuda:0"
save(module, "mlp_cuda.pth")
torch.serialization.location_tag = genuine

wide = MLPClassifier(inputs, hidden, eps=0.5)
wide.load_state_dict(mlp, strict=False)
save(wide, "mlp_eps.pth")
features = torch.linspace(-2, 2, 3 * inputs).reshape(3, inputs)
save(MLPClassifier(100, hidden), "mlp_other.pth")


class Attack:
    def __reduce__(self):
        return os.system, ("touch " + os.path.join(root, "attacked"),)


save({"model": Attack()}, "attack.pt")
with torch.no_grad():
    print(json.dumps({"features": features.flatten().tolist(), "eps": wide.eval()(features).softmax(1).flatten().tolist()}))
