"""A run of the original, file by file, by the documented rules.

Usage: run.py ESM.pt DNABERT_FOLDER CLASSIFIER.pth INPUT.fasta CHUNK_LENGTH SEQUENCES_PER_FILE OUTPUT_FOLDER
Files have the names of the original; OUTPUT_FOLDER is made.
"""
import json
import os
import sys

import torch
from safetensors.torch import load_file
from tokenizers import Tokenizer

if __name__ == "__main__":
    sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

from original import fasta, frames, tables
from original.models import DnabertS, FairEsm, MLPClassifier


def cut(records, length):
    """Chunks of all records, and the open frames of all chunks: DNA and protein."""
    chunks, nucleotides, proteins = [], [], []
    for name, sequence in records:
        for number, _, chunk in frames.chunks(sequence, length):
            chunks.append((f"{name}_chunk_{number}", chunk))
            for frame, nucleotide, protein in frames.frames(chunk):
                nucleotides.append((f"{name}_chunk_{number}{frame}", nucleotide))
                proteins.append((f"{name}_chunk_{number}{frame}", protein))
    return chunks, nucleotides, proteins


class Models:
    def __init__(self, esm, dnabert, classifier=None):
        self.esm = FairEsm(torch.load(esm, weights_only=False))
        with open(os.path.join(dnabert, "config.json"), encoding="utf-8") as file:
            config = json.load(file)
        self.dnabert = DnabertS.of(config, load_file(os.path.join(dnabert, "model.safetensors")))
        self.tokenizer = Tokenizer.from_file(os.path.join(dnabert, "tokenizer.json"))
        self.classifier = load_classifier(classifier) if classifier else None

    def tokens(self, dna):
        return self.tokenizer.encode(dna).ids

    @torch.no_grad()
    def dna_vector(self, dna):
        """The mean over all tokens, the first and the last included."""
        return self.dnabert(self.tokens(dna))[-1].mean(0)


    def embed(self, nucleotides, proteins):
        """A part's three files."""
        names = [name for name, _ in nucleotides]
        vectors = [self.dna_vector(sequence) for _, sequence in nucleotides]
        esm = self.esm.embed(names, [sequence for _, sequence in proteins])
        return dnabert_file(names, vectors), {"proteins": esm[0], "data": esm[1]}, merged_file(names, vectors, esm)


def load_classifier(path):
    sys.modules["__main__"].MLPClassifier = MLPClassifier
    return torch.load(path, weights_only=False).eval()


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8", newline="") as file:
        file.write(text)


def save(path, value):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    torch.save(value, path)


def dnabert_file(names, vectors):
    data = [{"label": name, "mean_representation": vector.tolist()} for name, vector in zip(names, vectors)]
    return {"nucleotide": list(names), "data": data}


def merged_file(names, dna_vectors, esm):
    by_name = dict(zip(*esm))
    return {"ids": list(names), "data": torch.stack([torch.cat((v, by_name[n])) for n, v in zip(names, dna_vectors)])}


def run(models, path, length, per_file, output):
    """Writes all files of a run."""
    prefix = os.path.join(output, os.path.basename(path).split(".fa")[0])
    chunks, nucleotides, proteins = cut(fasta.read(path), length)
    write(f"{prefix}_chunked{length}.fa", fasta.text(chunks, wrap=True))
    write(f"{prefix}_identified_nucleotide.fa", fasta.text(nucleotides))
    write(f"{prefix}_identified_protein.faa", fasta.text(proteins))
    ids, scores = [], []
    for part, start in enumerate(range(0, len(nucleotides), per_file), 1):
        dna, aa = nucleotides[start : start + per_file], proteins[start : start + per_file]
        write(f"{prefix}_nucleotide/output_{part}.fa", fasta.text(dna))
        write(f"{prefix}_protein/output_{part}.fa", fasta.text(aa))
        dnabert, esm, merged = models.embed(dna, aa)
        save(f"{prefix}_nucleotide/output_{part}_DNABERT_S.pt", dnabert)
        save(f"{prefix}_protein/output_{part}_ESM.pt", esm)
        save(f"{prefix}_merged/output_{part}_merged.pt", merged)
        ids += merged["ids"]
        with torch.no_grad():
            scores += models.classifier(merged["data"]).softmax(1).numpy().tolist()
    table = tables.predictions("vanilla", ids, scores)
    write(f"{prefix}_merged/prediction_results.txt", table)
    write(f"{prefix}_merged/prediction_results_highestscore.csv", tables.consensus("vanilla", table))


if __name__ == "__main__":
    esm, dnabert, classifier, path, length, per_file, output = sys.argv[1:]
    run(Models(esm, dnabert, classifier), path, int(length), int(per_file), output)
