"""The other ways to embed proteins with ESM-2 on a CPU, for bench/baseline/main.ts.

Reads one JSON question per line and answers with one line: `make` draws a model with random weights and saves it as
fair-esm does; `load` prepares one way; `run` embeds every sequence and tells the seconds,
of the clock and of all processors; `embeddings` saves the
vectors of the last run as float32, in the order of the sequences; `export` saves a model as Hugging Face has it.
"""
import argparse
import json
import os
import sys
import time

import numpy as np
import torch

BUDGET = 2048
MAX_RESIDUES = 1024
NAMES = {
    "self_attn.q_proj": "attention.self.query",
    "self_attn.k_proj": "attention.self.key",
    "self_attn.v_proj": "attention.self.value",
    "self_attn.out_proj": "attention.output.dense",
    "self_attn_layer_norm": "attention.LayerNorm",
    "self_attn.rot_emb": "attention.self.rotary_embeddings",
    "fc1": "intermediate.dense",
    "fc2": "output.dense",
    "final_layer_norm": "LayerNorm",
}


def make(path, layers, width, heads, seed):
    """fair-esm's own class with random weights, saved with its settings as the published files are."""
    from esm.model.esm2 import ESM2

    torch.manual_seed(seed)
    model = ESM2(num_layers=layers, embed_dim=width, attention_heads=heads)
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if parameter.dim() >= 2:
                parameter.normal_(0, 1 if "embed" in name else parameter.shape[1] ** -0.5)
            else:
                parameter.normal_(1.0 if "norm" in name and name.endswith("weight") else 0.0, 0.1)
    state = {f"encoder.sentence_encoder.{k}": v for k, v in model.state_dict().items() if "lm_head" not in k}
    settings = argparse.Namespace(
        encoder_layers=layers, encoder_embed_dim=width, encoder_attention_heads=heads, token_dropout=True
    )
    torch.save({"cfg": {"model": settings}, "model": state}, path)


def opened(path):
    saved = torch.load(path, weights_only=False)
    settings = saved["cfg"]["model"]
    state = {k.replace("encoder.sentence_encoder.", ""): v for k, v in saved["model"].items()}
    return settings.encoder_layers, settings.encoder_embed_dim, settings.encoder_attention_heads, state


def mean(hidden, length):
    return hidden[1 : min(MAX_RESIDUES, length) + 1].mean(0)


def batches_by_count(lengths, rows):
    order = sorted(range(len(lengths)), key=lengths.__getitem__)
    return [order[at : at + rows] for at in range(0, len(order), rows)]


def batches_by_tokens(lengths, budget):
    out = []
    for at in sorted(range(len(lengths)), key=lengths.__getitem__):
        if not out or (len(out[-1]) + 1) * (lengths[at] + 2) > budget:
            out.append([])
        out[-1].append(at)
    return out


def converter():
    from esm import Alphabet

    return Alphabet.from_architecture("ESM-1b").get_batch_converter()


def fair_esm(path, sequences):
    """The original: fair-esm's data set in batches of 2,048 tokens, FP32, one vector after another."""
    from esm.data import FastaBatchedDataset
    from esm.model.esm2 import ESM2

    layers, width, heads, state = opened(path)
    model = ESM2(num_layers=layers, embed_dim=width, attention_heads=heads)
    model.load_state_dict(state, strict=False)
    model.eval()

    def run():
        data = FastaBatchedDataset([str(at) for at in range(len(sequences))], sequences)
        batches = data.get_batch_indices(BUDGET, extra_toks_per_seq=1)
        loader = torch.utils.data.DataLoader(
            data, collate_fn=model.alphabet.get_batch_converter(), batch_sampler=batches
        )
        found = {}
        with torch.no_grad():
            for labels, texts, tokens in loader:
                out = model(tokens, repr_layers=[layers], return_contacts=False)
                for row, (label, text) in enumerate(zip(labels, texts)):
                    found[int(label)] = mean(out["representations"][layers][row], len(text)).clone()
        return [found[at] for at in range(len(sequences))]

    return run


def renamed(state):
    found = {}
    for name, value in state.items():
        name = name.replace("embed_tokens.", "embeddings.word_embeddings.")
        name = name.replace("emb_layer_norm_after", "encoder.emb_layer_norm_after")
        if name.startswith("layers."):
            _, layer, rest = name.split(".", 2)
            for ours, theirs in NAMES.items():
                if rest.startswith(ours + "."):
                    rest = theirs + rest[len(ours) :]
            name = f"encoder.layer.{layer}.{rest}"
        found[name] = value
    return found


def export(path, output):
    """With a head for the masked language model, which esm-cpp reads and computes: zeros are as fast as any other numbers."""
    from safetensors.torch import save_file

    _, width, _, state = opened(path)
    tensors = {f"esm.{name}": value.contiguous() for name, value in renamed(state).items()}
    tensors["lm_head.dense.weight"] = torch.zeros(width, width)
    tensors["lm_head.dense.bias"] = torch.zeros(width)
    tensors["lm_head.layer_norm.weight"] = torch.ones(width)
    tensors["lm_head.layer_norm.bias"] = torch.zeros(width)
    tensors["lm_head.bias"] = torch.zeros(33)
    save_file(tensors, output)


def transformers(path, sequences, rows=32, bfloat16=False):
    """EsmModel with fused attention, sequences sorted by length, each batch padded to its longest."""
    from transformers import EsmConfig, EsmModel

    layers, width, heads, state = opened(path)
    config = EsmConfig(
        vocab_size=33, mask_token_id=32, pad_token_id=1, hidden_size=width, num_hidden_layers=layers,
        num_attention_heads=heads, intermediate_size=4 * width, position_embedding_type="rotary",
        token_dropout=True, emb_layer_norm_before=False, layer_norm_eps=1e-5, attn_implementation="sdpa",
    )  # fmt: skip
    model = EsmModel(config, add_pooling_layer=False)
    missing = model.load_state_dict(renamed(state), strict=False).missing_keys
    if any("position" not in name and "contact" not in name for name in missing):
        raise ValueError(f"weights are missing: {missing}")
    model.eval()
    convert = converter()

    def run():
        found = [None] * len(sequences)
        with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            for batch in batches_by_count([len(sequence) for sequence in sequences], rows):
                _, _, tokens = convert([(str(at), sequences[at]) for at in batch])
                hidden = model(input_ids=tokens, attention_mask=(tokens != 1).long()).last_hidden_state
                for row, at in enumerate(batch):
                    found[at] = mean(hidden[row], len(sequences[at])).float()
        return found

    return run


def onnxruntime(path, sequences, threads):
    """Our own graph, run from Python with the runtime's own settings."""
    import onnxruntime as runtime

    options = runtime.SessionOptions()
    options.intra_op_num_threads = threads
    session = runtime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    convert = converter()

    def run():
        found = [None] * len(sequences)
        for batch in batches_by_tokens([len(sequence) for sequence in sequences], BUDGET):
            _, _, tokens = convert([(str(at), sequences[at]) for at in batch])
            lengths = np.array([len(sequences[at]) + 2 for at in batch], np.int32)
            inputs = {"input_ids": tokens.numpy().astype(np.int32), "lengths": lengths}
            for at, vector in zip(batch, session.run(["embedding"], inputs)[0]):
                found[at] = torch.from_numpy(vector)
        return found

    return run


def main():
    threads = int(os.environ["OMP_NUM_THREADS"])
    torch.set_num_threads(threads)
    ways, last, sequences = {}, [], []
    for line in sys.stdin:
        question = json.loads(line)
        task, answer = question["task"], {}
        try:
            if task == "make":
                make(question["path"], *(question[name] for name in ("layers", "width", "heads", "seed")))
            elif task == "export":
                export(question["path"], question["output"])
            elif task == "load":
                with open(question["sequences"]) as file:
                    sequences = file.read().split()
                way, path = question["way"], question["path"]
                if way == "fair-esm":
                    ways[way] = fair_esm(path, sequences)
                elif way == "onnxruntime":
                    ways[way] = onnxruntime(path, sequences, threads)
                else:
                    ways[way] = transformers(path, sequences, bfloat16=way.endswith("bf16"))
            elif task == "run":
                started, used = time.perf_counter(), time.process_time()
                last = ways[question["way"]]()
                answer["seconds"] = time.perf_counter() - started
                answer["cpuSeconds"] = time.process_time() - used
            elif task == "embeddings":
                torch.stack(last).numpy().astype(np.float32).tofile(question["path"])
        except Exception as error:
            answer = {"error": f"{task}: {type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


main()
