"""Writes torch files of every form the reader must know, and what torch itself reads from them.

usage: make_fixtures.py DIRECTORY
"""

import argparse
import collections
import json
import os
import pickle
import sys

import numpy as np
import torch

out = sys.argv[1]
expected = {}


def raw(tensor):
    """Type, shape and row-major bytes of a tensor, as hex."""
    data = tensor.detach().contiguous()
    return {
        "dtype": str(data.dtype).removeprefix("torch."),
        "shape": list(data.shape),
        "hex": bytes(data.flatten().view(torch.uint8).numpy()).hex() if data.numel() else "",
        "float": bytes(data.float().flatten().view(torch.uint8).numpy()).hex() if data.numel() else "",
    }


def save(name, value, tensors, **options):
    torch.save(value, os.path.join(out, name), **options)
    expected[name] = {key: raw(tensor) for key, tensor in tensors.items()}


torch.manual_seed(7)
base = torch.randn(6, 5)
shared = torch.arange(24, dtype=torch.float32)
special = torch.tensor([float("nan"), float("inf"), -float("inf"), -0.0, 1e-45, 3.4e38, 0.1])
tensors = collections.OrderedDict(
    float32=base,
    float16=base.half(),
    float16_special=torch.cat([special, torch.tensor([6e-8, 6.1e-5, 65504.0])]).half(),
    bfloat16=base.bfloat16(),
    bfloat16_special=special.bfloat16(),
    float64=base.double() / 3,
    int64=torch.tensor([-(2**63), 2**63 - 1, -1, 0, 2**53 - 1, 7]),
    int32=torch.tensor([-(2**31), 2**31 - 1, 0], dtype=torch.int32),
    int16=torch.tensor([-32768, 32767], dtype=torch.int16),
    int8=torch.tensor([-128, 127], dtype=torch.int8),
    uint8=torch.tensor([0, 255], dtype=torch.uint8),
    bool=torch.tensor([True, False, True]),
    special=special,
    transposed=base.t(),
    stepped=base[::2, 1::3],
    permuted=torch.randn(2, 3, 4).permute(2, 0, 1),
    half_transposed=base.half().t(),
    bool_transposed=(base > 0).t(),
    double_transposed=base.double().t(),
    expanded=torch.randn(3, 1).expand(3, 4),
    shared_whole=shared,
    shared_tail=shared[10:],
    shared_matrix=shared[4:16].view(3, 4),
    scalar=torch.tensor(2.5),
    empty=torch.empty(0, 4),
    parameter=torch.nn.Parameter(base * 2),
)
save("tensors.pt", tensors, tensors)
save("tensors_protocol4.pt", tensors, tensors, pickle_protocol=4)
save("tensors_protocol5.pt", tensors, tensors, pickle_protocol=5)
save("tensors_legacy.pt", tensors, tensors, _use_new_zipfile_serialization=False)
save("tensors_legacy4.pt", tensors, tensors, _use_new_zipfile_serialization=False, pickle_protocol=4)

values = {
    "ints": [0, 255, 256, 65535, 65536, -1, -(2**31), 2**31, 2**53 - 1, 2**70, -(2**70)],
    "floats": [0.1, -0.0, 1e300, 5.0],
    "texts": ["", "plain", "Größe 🧬", "x" * 300],
    "bytes": b"\x00\xff\x80",
    "tuple": (1, (2, 3), (4, 5, 6), (7, 8, 9, 10), ()),
    "truth": [True, False, None],
    "set": {3},
    "size": torch.Size([2, 3]),
    "device": torch.device("cuda:0"),
    "namespace": argparse.Namespace(layers=33, heads=20, lr=[0.0004]),
    "nested": {"a": {"b": [{"c": "d"}]}},
    7: "seven",
    "many": list(range(2001)),
    "ordered": collections.OrderedDict([("z", 1), ("a", 2)]),
}
for protocol in (2, 3, 4, 5):
    torch.save(values, f"{out}/values_protocol{protocol}.pt", pickle_protocol=protocol)

numbers = np.arange(12, dtype=np.float32).reshape(3, 4)
for protocol in (2, 4):
    batch = {
        "embeddings": numbers,
        "sequence_ids": ["a", "b", "c"],
        "metadata": {"batch_idx": np.int64(3), "loss": np.float64(0.25), "model_dtype": "torch.float16"},
    }
    torch.save(batch, f"{out}/batch_protocol{protocol}.pt", pickle_protocol=protocol)
torch.save({"column_major": np.asfortranarray(numbers), "bool": np.array([True, False])}, f"{out}/numpy.pt")

torch.serialization.location_tag = lambda storage: "cuda:0"
save("cuda.pt", {"weight": base}, {"weight": base})
save("cuda_legacy.pt", {"weight": base}, {"weight": base}, _use_new_zipfile_serialization=False)
torch.serialization.location_tag = lambda storage: "cpu"


class Block(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = torch.nn.Linear(3, 2)
        self.activation = torch.nn.functional.relu
        self.register_buffer("kept", torch.ones(2))
        self.register_buffer("dropped", torch.ones(2), persistent=False)


class MLPClassifier(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.hidden_layer = torch.nn.Linear(8, 4)
        self.bn1 = torch.nn.BatchNorm1d(4)
        self.dropout = torch.nn.Dropout(0.5)
        self.blocks = torch.nn.ModuleList([Block(), Block()])
        self.tail = torch.nn.Sequential(torch.nn.ReLU(), torch.nn.Linear(4, 2, bias=False))


model = MLPClassifier()
save("module.pt", model, model.state_dict())
save("module_legacy.pt", model, model.state_dict(), _use_new_zipfile_serialization=False)


# torch before 1.6 kept the source text of each class beside its name.
class WithSource(pickle._Pickler):
    def save_global(self, obj, name=None):
        if isinstance(obj, type) and issubclass(obj, torch.nn.Module) and not getattr(self, "inside", False):
            self.inside = True
            self.save_pers(("module", obj, "model.py", "import os; os.system('true')"))
            self.inside = False
        else:
            super().save_global(obj, name)

    dispatch = pickle._Pickler.dispatch.copy()
    dispatch[type] = save_global


class SourceModule:
    __name__ = "pickle"
    Pickler = WithSource
    dump = staticmethod(pickle.dump)


save(
    "module_source.pt",
    model,
    model.state_dict(),
    _use_new_zipfile_serialization=False,
    pickle_module=SourceModule,
)
state = model.state_dict()  # carries _metadata as an attribute
save("state_dict.pt", state, state)


def table(count, dim):
    rows = np.random.default_rng(count).standard_normal((count, dim)).astype(np.float32)
    rows.tofile(f"{out}/rows_{count}_{dim}.f32")
    return ["".join(["seq ", "é" * (i % 3 == 1), str(i)]) for i in range(count)], rows


for count, dim in ((0, 4), (1, 1), (2, 3), (6, 1001), (1001, 2), (2500, 3)):
    ids, rows = table(count, dim)
    if count == 2:
        rows[0, 1] = np.nan
        rows[1, 1] = -np.inf
        rows.tofile(f"{out}/rows_{count}_{dim}.f32")
    for stamp in (False, True):
        end = {"version": "1.0", "status": "complete"} if stamp else {}
        tag = f"{count}_{dim}{'_stamp' if stamp else ''}"
        data = [{"label": name, "mean_representation": row.tolist()} for name, row in zip(ids, rows)]
        torch.save({"nucleotide": ids, "data": data, **end}, f"{out}/dnabert_{tag}.pt")
        esm = [torch.from_numpy(row.copy()) for row in rows]
        torch.save({"proteins": ids, "data": esm, **end}, f"{out}/esm_{tag}.pt")
        matrix = torch.from_numpy(rows.copy()) if count else torch.empty((0, dim))
        torch.save({"ids": ids, "data": matrix, **end}, f"{out}/merged_{tag}.pt")

generic = {
    "none": None,
    "list": [1, -1, 65536, 2**40, -(2**40), 0.5, True],
    "thousand": {i: 0.5 for i in range(1000)},
    "empty": [[], {}],
    "tensor": torch.arange(24, dtype=torch.float32).reshape(1, 2, 3, 4),
    "scalar": torch.tensor(1.5),
}
torch.save(generic, f"{out}/generic.pt")

# A file of more than 4 GiB with its true layout but without data on disk.
with torch.serialization.skip_data():
    torch.save({"huge": torch.empty(1_200_000_000), "after": torch.empty(4)}, f"{out}/huge.pt")

with open(f"{out}/expected.json", "w") as file:
    json.dump(expected, file)
