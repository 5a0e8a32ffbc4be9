"""The plain ways to do what bench/micro measures; see `PythonWorker` in bench/python.ts.

Each question names a task; the answer is the median of the seconds of its runs, after one that is not counted, and a
number by which both sides show that they did the same.
"""
import functools
import gzip
import io
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

ORDER = "TCAG"
AMINO = "FFLLSSSSYY**CC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG"
CODE = {a + b + c: AMINO[16 * i + 4 * j + k]
        for i, a in enumerate(ORDER) for j, b in enumerate(ORDER) for k, c in enumerate(ORDER)}
PARTNER = {"A": "T", "T": "A", "C": "G", "G": "C"}


def lines(path):
    with open(path) as file:
        return file.read().split("\n")


def fasta(path):
    """Biopython, as its manual reads a file."""
    from Bio import SeqIO

    def run():
        with gzip.open(path, "rt") if path.endswith(".gz") else open(path) as handle:
            return sum(len(record.seq) for record in SeqIO.parse(handle, "fasta"))

    return run


def bam(path):
    """pysam, the file from its start to its end."""
    import pysam

    def run():
        with pysam.AlignmentFile(path, check_sq=False) as file:
            return sum(len(read.query_sequence) for read in file)

    return run


def frames(chunk):
    forward = chunk.upper()
    backward = "".join(PARTNER.get(letter, letter) for letter in reversed(forward))
    for strand in (forward, backward):
        for offset in range(3):
            protein = ""
            for at in range(offset, len(strand) - 2, 3):
                protein += CODE.get(strand[at : at + 3], "")
            if protein and "*" not in protein:
                yield strand[offset : offset + 1 + 3 * len(protein)], protein


def translate(path):
    """The original's way, one letter after another: six frames of every chunk, those with a stop left out."""
    chunks = lines(path)
    return lambda: sum(1 for chunk in chunks for _ in frames(chunk))


def dna_tokens(path, tokenizer):
    """The library of Hugging Face, written in Rust, which transformers uses."""
    import tokenizers

    texts, made = lines(path), tokenizers.Tokenizer.from_file(tokenizer)
    return lambda: sum(len(found.ids) for found in made.encode_batch(texts))


def esm_tokens(path):
    """fair-esm's own alphabet."""
    from esm import Alphabet

    texts, alphabet = lines(path), Alphabet.from_architecture("ESM-1b")
    return lambda: sum(len(alphabet.encode(text)) + 2 for text in texts)


def plan(path, budget):
    """fair-esm's sorted batches."""
    from esm.data import FastaBatchedDataset

    # Its lengths are those of the texts; one token is added to each.
    lengths = [int(line) - 1 for line in lines(path)]
    data = FastaBatchedDataset([""] * len(lengths), ["A" * length for length in lengths])
    return lambda: sum(map(len, data.get_batch_indices(budget, extra_toks_per_seq=1)))


def dedupe(path):
    """A dictionary."""
    texts = lines(path)

    def run():
        groups = {}
        for text in texts:
            groups.setdefault(text, len(groups))
        return len(groups)

    return run


def pad(path):
    """torch's pad_sequence."""
    import torch

    rows = [torch.tensor([int(word) for word in line.split(",")], dtype=torch.int32) for line in lines(path)]
    return lambda: torch.nn.utils.rnn.pad_sequence(rows, batch_first=True, padding_value=1).numel()


@functools.cache
def messages(proto):
    """Google's library, whose inside is written in C."""
    folder = tempfile.mkdtemp()
    source = os.path.dirname(proto)
    command = [sys.executable, "-m", "grpc_tools.protoc", f"-I{source}", f"--python_out={folder}"]
    subprocess.run([*command, *(os.path.join(source, name) for name in os.listdir(source) if name.endswith(".proto"))],
                   check=True)
    sys.path.insert(0, folder)
    import service_pb2

    return service_pb2


def infer_request(proto, rows, length):
    """A request as tritonclient makes it."""
    pb = messages(proto)
    ids, lengths = np.full((rows, length), 5, np.int32), np.full(rows, length, np.int32)

    def run():
        request = pb.ModelInferRequest(model_name="esm2")
        for name, array in (("input_ids", ids), ("lengths", lengths)):
            request.inputs.add(name=name, datatype="INT32", shape=array.shape)
            request.raw_input_contents.append(array.tobytes())
        request.outputs.add(name="embedding")
        return len(request.SerializeToString())

    return run


def infer_response(proto, path):
    """An answer as tritonclient reads it."""
    pb = messages(proto)
    with open(path, "rb") as file:
        content = file.read()

    def run():
        response = pb.ModelInferResponse.FromString(content)
        return np.frombuffer(response.raw_output_contents[0], np.float32).reshape(response.outputs[0].shape).size

    return run


def torch_save(kind, rows, width):
    """torch.save of what the original saves."""
    import torch

    values = torch.arange(rows * width, dtype=torch.float32).reshape(rows, width) / 7
    ids = [f"read_{row}F1" for row in range(rows)]
    if kind == "dnabert":
        vectors = values.tolist()
        table = {"nucleotide": ids,
                 "data": [{"label": name, "mean_representation": row} for name, row in zip(ids, vectors)]}
    elif kind == "esm":
        table = {"proteins": ids, "data": [row.clone() for row in values]}
    else:
        table = {"ids": ids, "data": values}

    def run():
        torch.save(table, io.BytesIO())
        return rows

    return run


def print_floats(path, kind):
    """str() of numpy's float32, or repr() of the number widened to a double."""
    values = np.fromfile(path, np.float32)
    each = list(values) if kind == "float32" else [float(value) for value in values]
    return (lambda: sum(len(str(value)) for value in each)) if kind == "float32" else (
        lambda: sum(len(repr(value)) for value in each))


def tables(ids, scores, folder):
    """Rows of frames one by one, then pandas: read, group by chunk, write."""
    import pandas as pd

    names, values = lines(ids), np.fromfile(scores, np.float32).reshape(-1, 2)
    paths = [os.path.join(folder, name) for name in ("frames-in-python", "chunks-in-python")]

    def run():
        with open(paths[0], "w") as file:
            file.write("Sequence_ID\tPrediction\tscore1\tscore2\n")
            for name, (others, viral) in zip(names, values):
                file.write(f"{name}\t{'virus' if viral > others else 'others'}\t{str(others)}\t{str(viral)}\n")
        table = pd.read_csv(paths[0], sep="\t")
        table["Modified_ID"] = table["Sequence_ID"].str[:-2]
        best = table.groupby("Modified_ID")[["score1", "score2"]].max().reset_index()
        best["Is_Virus"] = best["score2"] >= best["score1"]
        best[["Modified_ID", "Is_Virus"]].to_csv(paths[1], sep="\t", index=False)
        return sum(os.path.getsize(path) for path in paths)

    return run


TASKS = {task.__name__: task for task in (
    fasta, bam, translate, dna_tokens, esm_tokens, plan, dedupe, pad, infer_request, infer_response, torch_save, print_floats, tables)}


@functools.cache
def prepared(task, arguments):
    return TASKS[task](**dict(arguments))


def timed(run, least):
    check, spent = run(), []
    while not spent or (sum(spent) < least and len(spent) < 1000):
        started = time.perf_counter()
        check = run()
        spent.append(time.perf_counter() - started)
    return {"seconds": statistics.median(spent), "check": check}


def main():
    try:
        import torch

        torch.set_num_threads(1)
    except ImportError:
        pass
    for line in sys.stdin:
        question = json.loads(line)
        task, least = question.pop("task"), question.pop("seconds")
        try:
            answer = timed(prepared(task, tuple(question.items())), least)
        except Exception as error:
            answer = {"error": f"{task}: {type(error).__name__}: {error}"}
        print(json.dumps(answer), flush=True)


main()
