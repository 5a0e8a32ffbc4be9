"""esm-cpp beside ours, for bench/baseline/main.ts: in a Python of its own, since it needs an older numpy than the others.

Questions and answers as in alternatives.py. `load` reads a Hugging Face file; for INT8 it calibrates and quantizes as
`esm-cpp-quantize` does, alpha 0.5. `run` times the packed, scheduled batches that esm-cpp is fastest with. These answer
with logits: embeddings come from a second pass, sequence by sequence, which `run` does not time.
"""
import json
import sys
import time

import esm_cpp
import numpy as np
from esm_cpp.quantize import calibrate

MAX_RESIDUES = 1024
CALIBRATION = 64


def load(path, sequences, quantized):
    model = esm_cpp.Model.load_from_safetensors(path)
    tokenizer = esm_cpp.Tokenizer()
    if quantized:
        step = max(1, len(sequences) // CALIBRATION)
        model.apply_smoothquant(calibrate(model, tokenizer, sequences[::step]), 0.5)
        model.quantize_weights()
    return model, [np.asarray(tokenizer.encode(sequence), dtype=np.int32) for sequence in sequences]


def vector(model, ids):
    hidden = model.forward_with_hidden_states(ids)[1][-1]
    return hidden[1 : min(MAX_RESIDUES, len(ids) - 2) + 1].mean(0)


def main():
    ways = {}
    for line in sys.stdin:
        question = json.loads(line)
        task, answer = question["task"], {}
        try:
            if task == "load":
                with open(question["sequences"]) as file:
                    sequences = file.read().split()
                ways[question["way"]] = load(question["path"], sequences, question["way"] == "esm-cpp")
                answer["isa"] = str(esm_cpp.current_isa())
            else:
                model, ids = ways[question["way"]]
                if task == "run":
                    started, used = time.perf_counter(), time.process_time()
                    model.forward_scheduled(ids)
                    answer["seconds"] = time.perf_counter() - started
                    answer["cpuSeconds"] = time.process_time() - used
                elif task == "embeddings":
                    np.stack([vector(model, each) for each in ids]).astype(np.float32).tofile(question["path"])
        except Exception as error:
            answer = {"error": f"{task}: {type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


main()
