"""The original's chunking, six-frame translation and frame selection, retold in plain Python for comparison.

Reads lines of `id TAB length TAB sequence` from standard input and prints one line for each chunk and each frame;
with --time it cuts one sequence from a file and prints the seconds and the number of frames instead.
"""
import math
import sys
import time

ORDER = "TCAG"
AMINO = "FFLLSSSSYY**CC*WLLLLPPPPHHQQRRRRIIIMTTTTNNKKSSRRVVVVAAAADDEEGGGG"
CODE = {a + b + c: AMINO[16 * i + 4 * j + k]
        for i, a in enumerate(ORDER) for j, b in enumerate(ORDER) for k, c in enumerate(ORDER)}
PARTNER = {"A": "T", "T": "A", "C": "G", "G": "C", "a": "t", "t": "a", "c": "g", "g": "c"}


def chunks(sequence, size):
    length = len(sequence)
    count = math.ceil(length / size)
    spare = count * size - length
    low = int(spare / count)
    high_steps = spare - low * (count - 1)
    overlaps = [low + 1] * high_steps + [low] * (count - 1 - high_steps) + [0]
    moved = 0
    for at, overlap in zip(range(0, length, size), overlaps):
        start = at - moved if at > 1 else at
        yield at // size + 1, start, sequence[start:start + size]
        moved += overlap


def frames(chunk, keep_empty=False):
    forward = chunk.upper()
    backward = "".join(PARTNER.get(letter, letter) for letter in reversed(forward))
    for number in range(1, 7):
        strand, offset = (forward, number - 1) if number <= 3 else (backward, number - 4)
        protein = ""
        for i in range(offset, len(strand) - 2, 3):
            protein += CODE.get(strand[i:i + 3], "")
        if "*" in protein or not (protein or keep_empty):
            continue
        name = ("F" if number <= 3 else "R") + str(offset + 1)
        yield name, strand[offset:offset + 1 + 3 * len(protein)], protein


def main():
    if sys.argv[1] == "--time":
        with open(sys.argv[2]) as file:
            sequence = file.read()
        started = time.perf_counter()
        found = sum(1 for _, _, chunk in chunks(sequence, int(sys.argv[3])) for _ in frames(chunk))
        print(time.perf_counter() - started, found)
        return
    keep_empty = sys.argv[1] == "--keep-empty"
    for line in sys.stdin:
        name, size, sequence = line.rstrip("\n").split("\t")
        for index, start, chunk in chunks(sequence, int(size)):
            print(name, "chunk", index, start, start + len(chunk), sep="\t")
            for frame, nucleotide, protein in frames(chunk, keep_empty):
                print(name, frame, nucleotide, protein, sep="\t")


if __name__ == "__main__":
    main()
