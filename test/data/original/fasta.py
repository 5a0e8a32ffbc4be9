"""FASTA as both programs read and write it (Biopython's rules for the files at hand)."""

WIDTH = 60


def read(path):
    records = []
    with open(path, encoding="utf-8") as lines:
        for line in lines:
            if line.startswith(">"):
                records.append([line[1:].split(None, 1)[0], ""])
            else:
                records[-1][1] += "".join(line.split())
    return [(name, sequence) for name, sequence in records]


def text(records, wrap=False):
    def lines(sequence):
        if not wrap:
            return [sequence]
        return [sequence[at : at + WIDTH] for at in range(0, len(sequence), WIDTH)]

    return "".join("".join(f"{line}\n" for line in [f">{name}", *lines(sequence)]) for name, sequence in records)
