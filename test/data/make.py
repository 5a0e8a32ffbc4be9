#!/usr/bin/env python3
"""Makes the data of the tests: small models with random weights in the layouts that users have, a FASTA file, what the
original makes of them, and two runs of other programs with vectors of the real models' widths. See README.md beside it.

Everything comes from one seed. With --check it makes all of it in a temporary folder and compares: texts, models and
token ids to the byte, what was computed to 1e-6.
Usage: .cache/test-python/bin/python test/data/make.py [--check]
"""
import argparse
import hashlib
import json
import os
import shutil
import sys
import tempfile

import numpy as np
import torch
from esm.data import Alphabet
from safetensors.torch import save_file
from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)

from original import fasta, tables
from original.models import ESM_PREFIX, DnabertS, MLPClassifier, TransformersEsm, to_transformers
from original.run import Models, cut, dnabert_file, merged_file, run, save, write

sys.modules["__main__"].MLPClassifier = MLPClassifier

SEED = 20_260_201
ESM = {"layers": 2, "width": 40, "heads": 5}
DNABERT = {"layers": 2, "width": 36, "heads": 6, "hidden": 72, "vocabulary": 512}
CLASSIFIER_HIDDEN = 96
CHUNK_LENGTH = 500
SEQUENCES_PER_FILE = 7
SPECIALS = ["[UNK]", "[CLS]", "[SEP]", "[PAD]", "[MASK]"]
TOLERANCE = 1e-6


class Random:
    """Random numbers and DNA; each use has a stream of its own."""

    def __init__(self, stream):
        self.numbers = np.random.default_rng([SEED, stream])

    def dna(self, length, weights=(0.25, 0.25, 0.25, 0.25)):
        return "".join(self.numbers.choice(list("ACGT"), length, p=weights))

    def open_dna(self, length, *open_frames):
        """DNA without a stop codon in the frames named, F1 to R3 as they are counted in `length` bases."""
        text, stops = "", {"F": ("TAA", "TAG", "TGA"), "R": ("TTA", "CTA", "TCA")}
        while len(text) < length:
            text += "ACGT"[self.numbers.integers(4)]
            at = len(text) - 3
            for strand, number in open_frames:
                offset = int(number) - 1 if strand == "F" else (length - int(number) + 1) % 3
                if at >= 0 and at % 3 == offset and text[at:] in stops[strand]:
                    text = text[:-1]
                    break
        return text

    def weights(self, module):
        """Weights large enough that every part of the model matters to what comes out."""
        with torch.no_grad():
            for name, tensor in module.state_dict().items():
                if not tensor.is_floating_point() or name.endswith("inv_freq"):
                    continue
                norm = "norm" in name.lower() or name.startswith("bn1")
                if tensor.dim() >= 2:
                    draw = self.normal(tensor.shape, 1 if "embed" in name else tensor.shape[1] ** -0.5)
                elif name.endswith("running_var"):
                    draw = 1 + 0.1 * torch.tanh(self.normal(tensor.shape, 1))
                else:
                    draw = self.normal(tensor.shape, 0.1) + (1 if norm and name.endswith("weight") else 0)
                tensor.copy_(draw)
        return module.eval()

    def normal(self, shape, scale):
        return torch.from_numpy(self.numbers.standard_normal(tuple(shape), dtype=np.float32)) * scale


def write_json(path, value):
    write(path, json.dumps(value, indent=1, ensure_ascii=False) + "\n")


def make_esm(folder):
    """As fair-esm publishes it, in half precision with the contact regression apart, and as a Hugging Face folder."""
    from esm.model.esm2 import ESM2

    layers, width, heads = ESM["layers"], ESM["width"], ESM["heads"]
    model = Random(1).weights(ESM2(layers, width, heads)).half()
    # Frequencies that nobody can compute: they must come from the file.
    for name, buffer in model.named_buffers():
        if name.endswith("inv_freq"):
            buffer.mul_(1.05)
    state = {}
    contacts = {}
    for name, value in model.state_dict().items():
        if name.startswith("contact_head."):
            contacts[name] = value.float()
        else:
            state[f"encoder.{name}" if name.startswith("lm_head.") else ESM_PREFIX + name] = value
    settings = argparse.Namespace(
        arch="roberta_tiny", encoder_layers=layers, encoder_embed_dim=width, encoder_ffn_embed_dim=4 * width,
        encoder_attention_heads=heads, token_dropout=True,
    )  # fmt: skip
    save(f"{folder}/esm2_t2_tiny.pt", {"cfg": {"model": settings}, "model": state})
    save(f"{folder}/esm2_t2_tiny-contact-regression.pt", {"model": contacts})

    hub = f"{folder}/esm2_t2_tiny_hf"
    config = {
        "architectures": ["EsmForMaskedLM"], "model_type": "esm", "vocab_size": 33, "mask_token_id": 32,
        "pad_token_id": 1, "hidden_size": width, "num_hidden_layers": layers, "num_attention_heads": heads,
        "intermediate_size": 4 * width, "position_embedding_type": "rotary", "token_dropout": True,
        "emb_layer_norm_before": False, "layer_norm_eps": 1e-5, "max_position_embeddings": 1026,
    }  # fmt: skip
    write_json(f"{hub}/config.json", config)
    write(f"{hub}/vocab.txt", "\n".join(Alphabet.from_architecture("ESM-1b").all_toks))
    tokens = {name: f"<{name[:-6]}>" for name in ("cls_token", "eos_token", "mask_token", "pad_token", "unk_token")}
    write_json(f"{hub}/tokenizer_config.json", {"tokenizer_class": "EsmTokenizer", **tokens})
    save_file(to_transformers({**state, **contacts}), f"{hub}/model.safetensors", metadata={"format": "pt"})


def make_tokenizer():
    """Byte pairs of random DNA, with the structure of the published file."""
    random = Random(2)
    tokenizer = Tokenizer(models.BPE(unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    trainer = trainers.BpeTrainer(
        vocab_size=DNABERT["vocabulary"], special_tokens=SPECIALS, initial_alphabet=list("ACGT"), show_progress=False
    )
    tokenizer.train_from_iterator((random.dna(100) for _ in range(1_000)), trainer)
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS]:0 $A:0 [SEP]:0", pair="[CLS]:0 $A:0 [SEP]:0 $B:1 [SEP]:1", special_tokens=[("[CLS]", 1), ("[SEP]", 2)]
    )
    return tokenizer


def make_dnabert(folder):
    """One model with its weights in both kinds of file."""
    folder = f"{folder}/dnabert_s_tiny"
    model = Random(3).weights(DnabertS(*DNABERT.values()))
    state = model.state_dict()
    config = {
        "architectures": ["BertModel"], "model_type": "bert", "hidden_size": DNABERT["width"],
        "num_hidden_layers": DNABERT["layers"], "num_attention_heads": DNABERT["heads"],
        "intermediate_size": DNABERT["hidden"], "vocab_size": DNABERT["vocabulary"], "type_vocab_size": 2,
        "hidden_act": "gelu", "layer_norm_eps": 1e-12, "alibi_starting_size": 512, "pad_token_id": 0,
        "position_embedding_type": "absolute", "max_position_embeddings": 512,
    }  # fmt: skip
    write_json(f"{folder}/config.json", config)
    names = ("unk_token", "cls_token", "sep_token", "pad_token", "mask_token")
    write_json(f"{folder}/tokenizer_config.json", {"tokenizer_class": "PreTrainedTokenizerFast", **dict(zip(names, SPECIALS))})
    write(f"{folder}/tokenizer.json", json.dumps(json.loads(make_tokenizer().to_str()), indent=1) + "\n")
    save(f"{folder}/pytorch_model.bin", state)
    save_file(state, f"{folder}/model.safetensors", metadata={"format": "pt"})


def undecided(random, rows, hidden, least):
    """A classifier that calls at least so many of the rows a virus, and as many not, none of them by a hair."""
    while True:
        classifier = random.weights(MLPClassifier(rows.shape[1], hidden))
        with torch.no_grad():
            # Rows are alike: small differences must matter.
            classifier.output_layer.weight *= 4
            margins = classifier(rows).softmax(1) @ torch.tensor([-1.0, 1.0])
        viral = int((margins > 0).sum())
        if min(viral, len(rows) - viral) >= least and margins.abs().min() > 0.005:
            return classifier


def contigs():
    """Every kind of record that the rules treat in a way of its own, most of them with open frames."""
    random = Random(5)
    gene = random.open_dna(3_100, "F1")
    ragged = random.open_dna(640, "F2")
    split = random.open_dna(431, "F2")
    odd = random.open_dna(420, "R2")
    letters = np.array(list(random.open_dna(480, "F3")))
    letters[random.numbers.choice(480, 12, replace=False)] = list("RYSWKMBDHVNN")
    mixed = "".join(random.numbers.choice([str.upper, str.lower])(base) for base in random.open_dna(450, "R3"))
    records = [
        ("c01", random.open_dna(300, "F1", "F2")),
        ("c02 a description, with [brackets] and  two blanks", random.open_dna(501, "F1", "R2")),
        ("c03|ref|NC_000000.1| on the other strand", random.open_dna(500, "R1", "R2")),
        ("c04_lower", random.open_dna(420, "F1", "F3").lower()),
        ("c05_mixed", mixed),
        ("c06_run_of_N", f"{ragged[:200]}{'N' * 60}{ragged[200:]}"),
        ("c07_run_of_N_out_of_frame", f"{split[:151]}{'N' * 31}{split[182:]}"),
        ("c08_iupac", "".join(letters)),
        ("c09_high_gc", random.dna(1_400, (0.08, 0.42, 0.42, 0.08))),
        ("c10_low_gc", random.dna(700, (0.4, 0.1, 0.1, 0.4))),
        ("c11_gene", gene),
        ("c12_repeat", "GCA" * 130),
        ("c13_gaps_and_u", odd[:200].replace("T", "U", 20) + "--..--" + odd[206:]),
        ("c14_three", "GCA"),
        ("c15_four", "GCAC"),
        ("c16_two", "GC"),
        ("c17_only_N", "N" * 80),
        ("c18_again", gene[:500]),
        ("c19_999", random.open_dna(999, "F1")),
        ("c20_1000", random.open_dna(1_000, "R1")),
        ('c21"quoted', random.open_dna(280, "F2")),
        ("c22_é", random.open_dna(330, "F1")),
    ]
    text = ""
    for at, (header, sequence) in enumerate(records):
        width = (60, 70, len(sequence))[at % 3]
        lines = [sequence[start : start + width] for start in range(0, len(sequence), width)]
        text += "".join(f"{line}\n" for line in [f">{header}", *lines])
    return text


def values(tensor):
    """The shortest decimal numbers that are these float32."""
    return {"shape": list(tensor.shape), "data": [float(str(value)) for value in tensor.numpy().ravel()]}


def compare_with_transformers(folder, esm, sequences):
    """The Hugging Face folder, opened by transformers, must give what fair-esm makes of the checkpoint."""
    hub = TransformersEsm(folder)
    for sequence in sequences:
        tokens, _, mean = esm.trace(sequence)
        difference = (hub.embed(tokens) - mean).abs().max().item()
        if not difference <= TOLERANCE:
            raise ValueError(f"fair-esm and transformers differ by {difference}")


def make_traces(folder, loaded, proteins, dna, merged):
    """What each layer makes of a few sequences."""
    traces = {"esm": [], "dnabert": [], "mlp": []}
    for sequence in proteins:
        tokens, states, mean = loaded.esm.trace(sequence)
        layers = {str(layer): values(state) for layer, state in enumerate(states)}
        traces["esm"].append({"sequence": sequence, "tokens": tokens, "layers": layers, "mean": values(mean)})
    with torch.no_grad():
        for sequence in dna:
            tokens = loaded.tokens(sequence)
            first, *states = loaded.dnabert(tokens)
            layers = {str(layer): values(state) for layer, state in enumerate(states, 1)}
            traces["dnabert"].append(
                {"sequence": sequence, "tokens": tokens, "embeddings": values(first), "layers": layers,
                 "mean": values(states[-1].mean(0))}
            )  # fmt: skip
        for row in merged:
            steps = {name: values(value[0]) for name, value in loaded.classifier.steps(row[None]).items()}
            traces["mlp"].append({"input": values(row), **steps})
    write(f"{folder}/traces/layers.json", json.dumps(traces) + "\n")


def make_tiny(folder, with_transformers):
    """Small models, an input, and the original's run of them."""
    path, at = f"{folder}/contigs.fasta", f"{folder}/models"
    write(path, contigs())
    make_esm(at)
    make_dnabert(at)
    _, nucleotides, proteins = cut(fasta.read(path), CHUNK_LENGTH)
    loaded = Models(f"{at}/esm2_t2_tiny.pt", f"{at}/dnabert_s_tiny")
    if with_transformers:
        compare_with_transformers(f"{at}/esm2_t2_tiny_hf", loaded.esm, [sequence for _, sequence in proteins])
    rows = loaded.embed(nucleotides, proteins)[2]["data"]
    loaded.classifier = undecided(Random(4), rows, CLASSIFIER_HIDDEN, len(rows) // 3)
    save(f"{at}/500_model.pth", loaded.classifier)
    run(loaded, path, CHUNK_LENGTH, SEQUENCES_PER_FILE, f"{folder}/reference")
    make_traces(folder, loaded, ["MKTAYIAK", "GWLPXBUZC"], ["ACGTAGCATCGGATCTATC", "TTNACG"], rows[:2])
    frames = [{"id": name, "tokens": loaded.tokens(sequence)} for name, sequence in nucleotides]
    odd = {
        "unknown letters": "ACGTNNACGTNACGTACGTTTTTTTTTTTT", "lower case": "acgt", "one base": "A", "nothing": "",
        "punctuation": "ACGT-ACGT*", "blanks": " ACGT  ACGT\t", "an added token": "AC[CLS]GT[UNK]", "UTF-8": "AéC日本",
    }  # fmt: skip
    vectors = {name: {"seq": text, "ids": loaded.tokens(text)} for name, text in odd.items()}
    write(f"{folder}/traces/tokens.json", json.dumps(frames) + "\n")
    write(f"{folder}/traces/vectors.json", json.dumps(vectors, ensure_ascii=False, indent=1) + "\n")


STAGES = {
    "CHUNKING": {"files": ["{stem}_chunked500.fa"]},
    "TRANSLATION": {"nucleotide_file": "{stem}_nucleotide.fa", "protein_file": "{stem}_protein.faa"},
    "NUCLEOTIDE_SPLITTING": {"nucleotide_files": ["{stem}_nucleotide/output_1.fa"]},
    "PROTEIN_SPLITTING": {"protein_files": ["{stem}_protein/output_1.fa"]},
    "NUCLEOTIDE_FEATURES": {"nucleotide_features": ["{stem}_nucleotide/output_1_DNABERT_S.pt"]},
    "PROTEIN_FEATURES": {"protein_features": ["{stem}_protein/output_1_ESM.pt"]},
    "FEATURE_MERGING": {"merged_files": ["{stem}_merged/output_1_merged.pt"]},
    "PREDICTION": {"prediction_file": "{stem}_merged/prediction_results.txt"},
    "CONSENSUS": {"consensus_file": "{stem}_merged/prediction_results_highestscore.csv"},
}


def pipeline_state(stem):
    """The state file of Broad's fork after a run that finished."""
    settings = {"batch_size": 256, "expected_length": 500, "model_path": "500_model.pth", "num_workers": 4}
    config_hash = hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()

    def placed(value):
        return [placed(one) for one in value] if isinstance(value, list) else f"results/{value.format(stem=stem)}"

    def time(second):
        return f"2026-01-22T10:20:{second:02}.{second * 12_345:06}"

    stages = {}
    for second, (name, outputs) in enumerate(STAGES.items(), 1):
        stages[name] = {
            "status": "completed", "started_at": time(second), "completed_at": time(second + 1),
            "duration_seconds": 1.012345, "inputs": {},
            "outputs": {key: placed(value) for key, value in outputs.items()}, "error": None,
        }  # fmt: skip
    state = {
        "created_at": time(0),
        "pipeline_config": {"config_hash": config_hash, "expected_length": 500, "model_path": "500_model.pth"},
        "stages": stages,
        "updated_at": time(len(stages) + 2),
    }
    return json.dumps(state, indent=2)


def old_records():
    """Two records with two open frames each, in which the last frame is the shortest."""
    random = Random(6)
    found = []
    for name, length in (("read_1", 210), ("read_2", 204)):
        while True:
            sequence = random.open_dna(length, "F1", "R2")
            frames = [frame for frame, _ in cut([(name, sequence)], CHUNK_LENGTH)[1]]
            if frames == [f"{name}_chunk_1F1", f"{name}_chunk_1R2"]:
                found.append((name, sequence))
                break
    return found


def make_old_runs(folder):
    """One input through the original and through Broad's fork, with vectors of the real models' widths but drawn."""
    stem = "old_reads"
    records = old_records()
    write(f"{folder}/{stem}.fa", fasta.text(records, wrap=True))
    chunks, nucleotides, proteins = cut(records, CHUNK_LENGTH)
    names = [name for name, _ in nucleotides]
    random = Random(7)
    dna_vectors = list(random.normal((len(names), 768), 0.12))
    esm_vectors = list(random.normal((len(names), 2560), 0.27))
    # Broad's fork pads DNA, so that its last digits are others; its proteins came out the same.
    padded = [vector * (1 + random.normal((768,), 3e-6)) for vector in dna_vectors]
    classifier = undecided(random, merged_file(names, dna_vectors, (names, esm_vectors))["data"], 16, 1)
    by_length = sorted(range(len(names)), key=lambda at: len(proteins[at][1]))
    tables_of = {}
    for layout, where in (("vanilla", "vanilla"), ("broad", "broad-v1")):
        broad = layout == "broad"
        at = f"{folder}/{where}/{stem}"
        identified = "" if broad else "_identified"
        order = range(len(names)) if broad else by_length
        esm = [names[row] for row in order], [esm_vectors[row].clone() for row in order]
        vectors = padded if broad else dna_vectors
        merged = merged_file(names, vectors, esm)
        write(f"{at}_chunked500.fa", fasta.text(chunks, wrap=True))
        write(f"{at}{identified}_nucleotide.fa", fasta.text(nucleotides))
        write(f"{at}{identified}_protein.faa", fasta.text(proteins))
        write(f"{at}_nucleotide/output_1.fa", fasta.text(nucleotides, wrap=broad))
        write(f"{at}_protein/output_1.fa", fasta.text(proteins, wrap=broad))
        save(f"{at}_nucleotide/output_1_DNABERT_S.pt", dnabert_file(names, vectors))
        save(f"{at}_protein/output_1_ESM.pt", {"proteins": esm[0], "data": esm[1]})
        save(f"{at}_merged/output_1_merged.pt", merged)
        with torch.no_grad():
            scores = classifier(merged["data"]).softmax(1).numpy()
        tables_of[layout] = tables.predictions(layout, names, scores), scores
        write(f"{at}_merged/prediction_results.txt", tables_of[layout][0])
        write(f"{at}_merged/prediction_results_highestscore.csv", tables.consensus(layout, tables_of[layout][0]))
    write(f"{folder}/broad-v1/.checkpoints/pipeline_state.json", pipeline_state(stem))
    shortest = by_length[0]
    write_json(f"{folder}/expected.json", {
        "shortest": {
            "id": names[shortest], "sequence": proteins[shortest][1],
            "start": values(esm_vectors[shortest][:5])["data"], "norm": float(esm_vectors[shortest].double().norm()),
        },
        "broadAsVanilla": tables.predictions("vanilla", names, tables_of["broad"][1]),
    })  # fmt: skip


def make(folder, with_transformers):
    make_tiny(f"{folder}/tiny", with_transformers)
    make_old_runs(f"{folder}/old-runs")


def all_files(folder):
    return sorted(os.path.relpath(os.path.join(at, name), folder) for at, _, names in os.walk(folder) for name in names)


def numbers(path):
    """Every number of a file in order, and all else that it holds."""
    found = []

    def walk(value):
        if isinstance(value, torch.Tensor):
            found.append(value.double().flatten())
            return str(value.dtype), tuple(value.shape)
        if isinstance(value, float):
            found.append(torch.tensor([value], dtype=torch.float64))
            return "number"
        if isinstance(value, dict):
            return [(key, walk(one)) for key, one in value.items()]
        if isinstance(value, str) and "\t" in value:
            return walk(table(value))
        return [walk(one) for one in value] if isinstance(value, list) else value

    def table(text):
        return [[number(word) for word in line.split("\t")] for line in text.split("\n")]

    def number(word):
        try:
            return float(word) if "." in word else word
        except ValueError:
            return word

    if path.endswith(".pt"):
        content = torch.load(path, weights_only=True)
    else:
        with open(path, encoding="utf-8") as file:
            text = file.read()
        content = json.loads(text) if path.endswith(".json") else table(text)
    shape = walk(content)
    return shape, torch.cat([torch.zeros(0, dtype=torch.float64), *found])


def is_computed(name):
    """Results of a forward pass may differ in the last bits from one processor to another."""
    return "/models/" not in name and (name.endswith((".pt", ".csv", "results.txt")) or "layers.json" in name or "expected" in name)


def difference(name, made, kept):
    """What is wrong with a committed file, in words."""
    with open(made, "rb") as one, open(kept, "rb") as other:
        if one.read() == other.read():
            return None
    if not is_computed(name):
        return "other bytes"
    (shape, found), (kept_shape, wanted) = numbers(made), numbers(kept)
    if shape != kept_shape or found.shape != wanted.shape:
        return "other content"
    largest = (found - wanted).abs().max().item()
    return f"numbers differ by {largest}" if not largest <= TOLERANCE else None


def check(made):
    parts = ("tiny", "old-runs")
    names = [f"{part}/{name}" for part in parts for name in all_files(f"{made}/{part}")]
    kept = [f"{part}/{name}" for part in parts for name in all_files(f"{HERE}/{part}")]
    faults = [f"{name}: only one of the two has it" for name in sorted(set(names) ^ set(kept))]
    for name in sorted(set(names) & set(kept)):
        fault = difference(name, f"{made}/{name}", f"{HERE}/{name}")
        if fault:
            faults.append(f"{name}: {fault}")
    print("\n".join(faults) or f"{len(names)} files are what this program makes")
    return not faults


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--check", action="store_true", help="only compare what is there with what would be made")
    wanted = parser.parse_args()
    torch.set_num_threads(1)
    made = tempfile.mkdtemp(prefix="virnucpro-test-data-")
    try:
        # Loading transformers takes longer than all the rest; what it says is not part of the files.
        make(made, with_transformers=not wanted.check)
        if wanted.check:
            sys.exit(0 if check(made) else 1)
        for part in ("tiny", "old-runs"):
            shutil.rmtree(f"{HERE}/{part}", ignore_errors=True)
            shutil.copytree(f"{made}/{part}", f"{HERE}/{part}")
    finally:
        shutil.rmtree(made)


if __name__ == "__main__":
    main()
