"""BAM files of every kind of record, and what pysam and samtools read from them.

Usage: make_bam.py FOLDER. Prints, for each file, the records as JSON: by pysam, and the text of `samtools fasta`.
"""
import json
import random
import sys

import pysam

folder = sys.argv[1]
random.seed(7)
REFERENCES = [(f"chr{i}", 1000 * i) for i in range(1, 40)]
TEXT = {"HD": {"VN": "1.6"}, "CO": ["a comment\twith a tab"] * 50}
MAPPED = {**TEXT, "SQ": [{"SN": name, "LN": length} for name, length in REFERENCES]}


def letters(length, of="ACGT"):
    return "".join(random.choice(of) for _ in range(length))


def record(name, sequence, flag, header, cigar=None, tags=()):
    read = pysam.AlignedSegment(header)
    read.query_name = name
    read.flag = flag
    if not flag & 4:
        read.reference_id = random.randrange(len(REFERENCES))
        read.reference_start = random.randrange(900)
        read.cigarstring = cigar or f"{len(sequence)}M"
    if sequence:
        read.query_sequence = sequence
        read.query_qualities = pysam.qualitystring_to_array("I" * len(sequence))
    read.set_tags(list(tags))
    return read


def write(name, header, records, mode="wb"):
    with pysam.AlignmentFile(f"{folder}/{name}", mode, header=header) as file:
        for each in records:
            file.write(record(*each[:3], file.header, *each[3:]))


IUPAC = "ACMGRSVTWYHKDBN"
single = [(f"r{i}", letters(i), 4) for i in range(1, 80)]
single += [(f"iupac{i}", letters(200 + i, IUPAC), 4) for i in range(4)]
single += [("n" * 254, letters(30), 4), ("a/1", letters(40), 4), ("long", letters(200_001), 4, None, [("XX", "t" * 90_000)])]
single += [(f"after{i}", letters(150), 4) for i in range(1000)]
write("unaligned.ubam", TEXT, single)
write("stored.bam", TEXT, single, "wb0")

pairs = []
for i in range(300):
    name = f"pair{i}"
    first, last = letters(100 + i % 7), letters(90 + i % 5, "ACGTN")
    pairs += [(name, first, 77), (name, last, 141)] if i % 3 else [(name, first, 99), (name, last, 147)]
    if i % 10 == 0:
        pairs += [(name, first[:50], 99 | 0x800, "50M"), (name, None, 147 | 0x100, "80M"), (name, last, 99 | 0x100)]
write("paired.bam", MAPPED, pairs)

odd = [
    ("reverse", "AACCGGTTN" * 5 + IUPAC, 16),
    ("equal", "ACGT===ACGTACGT", 0),
    ("qcfail", letters(60), 4 | 0x200),
    ("duplicate", letters(61), 0x400, "61M"),
    ("clipped", letters(100), 16, "30S70M"),
    ("both", letters(70), 4 | 1 | 0xC0),
    ("neither", letters(71), 4 | 1),
    ("many_operations", letters(8000), 0, "1M1I" * 4000),
    ("tags", letters(33), 4, None, [("NM", 3), ("ZZ", "text"), ("AA", 1.5)]),
]
write("odd.bam", MAPPED, odd)
write("absent.bam", MAPPED, [("here", letters(50), 4), ("gone", None, 4), ("pair", None, 77), ("last", letters(20), 4)])
write("none.bam", MAPPED, [])
write("secondary.bam", MAPPED, [("s", letters(50), 0x100), ("t", letters(50), 0x800)])


def read(name):
    found = []
    with pysam.AlignmentFile(f"{folder}/{name}", check_sq=False) as file:
        for each in file:
            if each.is_secondary or each.is_supplementary:
                continue
            mate = {0x40: "/1", 0x80: "/2"}.get(each.flag & 0xC0, "")
            found.append([each.query_name + mate, each.get_forward_sequence() or ""])
    return found


def samtools(name):
    # All kinds of reads into one file: in the order of the input, which standard output would give without the names of mates.
    path = f"{folder}/{name}.fa"
    pysam.fasta("-N", "-0", path, "-o", path, f"{folder}/{name}")
    with open(path) as file:
        return file.read()


NAMES = ["unaligned.ubam", "stored.bam", "paired.bam", "odd.bam", "absent.bam"]
json.dump({name: {"pysam": read(name), "samtools": samtools(name)} for name in NAMES}, sys.stdout)
