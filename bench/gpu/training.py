"""VirNucPro's classifier, trained to tell viral frames from others by their embeddings, and how those are computed."""

import torch
from torch import nn

# Token ids of padding, in the order in which the classifier takes the models.
PAD = {"dnabert_s": 3, "esm2": 1}
ROWS = 96
EPOCHS = 40


class MLPClassifier(nn.Module):
    def __init__(self, inputs, hidden=512):
        super().__init__()
        self.hidden_layer = nn.Linear(inputs, hidden)
        self.bn1 = nn.BatchNorm1d(hidden)
        self.dropout = nn.Dropout(0.5)
        self.output_layer = nn.Linear(hidden, 2)

    def forward(self, x):
        return self.output_layer(self.dropout(torch.relu(self.bn1(self.hidden_layer(x)))))


def padded(rows, pad, width=0, device="cuda"):
    lengths = torch.tensor([len(row) for row in rows], dtype=torch.int32)
    ids = torch.full((len(rows), max(width, int(lengths.max()))), pad, dtype=torch.int32)
    for i, row in enumerate(rows):
        ids[i, : len(row)] = torch.tensor(row, dtype=torch.int32)
    return ids.to(device), lengths.to(device)


def embeddings(run, rows, pad, longest, device="cuda"):
    """By length, as the program does; in the order given. Batches end where a profile of the plan does."""
    order = sorted(range(len(rows)), key=lambda i: len(rows[i]))
    out = [None] * len(rows)
    while order:
        end = next(bound for bound in longest if len(rows[order[0]]) <= bound)
        fit = [i for i in order if len(rows[i]) <= end][:ROWS]
        some = fit[: max(1, 16384 // len(rows[fit[-1]]))]
        for i, row in zip(some, run(*padded([rows[i] for i in some], pad, device=device))):
            out[i] = row.clone()
        order = order[len(some) :]
    return torch.stack(out)


def trained(features, viral, seed):
    torch.manual_seed(seed)
    classifier = MLPClassifier(features.shape[1]).to(features.device)
    optimizer = torch.optim.Adam(classifier.parameters(), lr=2e-4)
    for _ in range(EPOCHS):
        for some in torch.randperm(len(features), device=features.device).split(64):
            if len(some) < 2:  # statistics of one row are none
                continue
            optimizer.zero_grad()
            torch.nn.functional.cross_entropy(classifier(features[some]), viral[some]).backward()
            optimizer.step()
    return classifier.eval()
