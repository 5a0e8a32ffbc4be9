"""What Python's own unpickler makes of a pickle, as text. Names are looked up nowhere and nothing is run."""

import io
import pickle
import struct
from collections import OrderedDict

NODES = 20_000
DEPTH = 60


class Refused(Exception):
    pass


class Name:
    def __init__(self, module, name):
        # Two spellings of one name.
        module = "builtins" if module == "__builtin__" else module
        self.text = f"{module}.{name}"

    def __call__(self, *args):
        call = CALLS.get(self.text)
        if call is None:
            raise Refused(self.text)
        return call(*args)


class Storage:
    def __init__(self, kind, key, numel):
        self.kind, self.key, self.numel = kind, key, numel


class Tensor:
    def __init__(self, storage, offset, shape, stride):
        self.storage, self.offset, self.shape, self.stride = storage, offset, shape, stride


def count(value):
    if type(value) is not int or not 0 <= value < 2**53:
        raise Refused("not a count")
    return value


def tensor(storage, offset, size, stride, *_):
    if type(storage) is not Storage or len(size) != len(stride):
        raise Refused("tensor")
    shape, strides, product = [count(n) for n in size], [count(n) for n in stride], 1
    for n in shape:
        product *= n
    if product and count(offset) + sum((n - 1) * s for n, s in zip(shape, strides)) >= storage.numel:
        raise Refused("outside")
    return Tensor(storage, count(offset), shape, strides)


def ordered(*args):
    return OrderedDict(*args)


CALLS = {
    "collections.OrderedDict": ordered,
    "torch._utils._rebuild_tensor_v2": tensor,
    "torch.Size": tuple,
    "builtins.set": set,
    "builtins.frozenset": frozenset,
    "builtins.bytes": lambda *args: 1 / 0 if args else b"",
    "_codecs.encode": lambda text, encoding: text.encode(encoding) if encoding == "latin1" else 1 / 0,
}


class Reader(pickle.Unpickler):
    def find_class(self, module, name):
        return Name(module, name)

    def persistent_load(self, pid):
        kind, storage, key, location, numel = pid[:5]
        if kind != "storage" or type(storage) is not Name or type(key) is not str or type(location) is not str:
            raise Refused("persistent id")
        return Storage(storage.text, key, count(numel))


def number(value):
    return "n" + (struct.pack(">d", value).hex() if value == value else "an")


class Writer:
    """The same value as text, wherever it is equal; `shape.ts` writes it likewise."""

    def __init__(self):
        self.left = NODES

    def text(self, value, depth=0):
        self.left -= 1
        if self.left < 0 or depth > DEPTH:
            raise Refused("large")
        kind = type(value)
        if value is None or kind is bool:
            return {None: "N", True: "T", False: "F"}[value]
        if kind is int:
            return number(float(value)) if -(2**53) < value < 2**53 else f"i{value}"
        if kind is float:
            return number(value)
        if kind is str:
            return "s" + value.encode("utf-16-be", "surrogatepass").hex()
        if kind in (bytes, bytearray):
            return "b" + bytes(value).hex()
        each = [self.text(item, depth + 1) for item in value] if kind in (list, tuple, set, frozenset) else []
        if kind is list:
            return f"[{','.join(each)}]"
        if kind is tuple:
            return f"({','.join(each)})"
        if kind in (set, frozenset):
            return f"<{','.join(sorted(each))}>"
        if kind in (dict, OrderedDict):
            pairs = [f"{self.text(k, depth + 1)}:{self.text(v, depth + 1)}" for k, v in value.items()]
            return "{" + ",".join(pairs) + "}"
        if kind is Name:
            return f"g{value.text.encode().hex()}"
        if kind is Tensor:
            return f"t{value.storage.key.encode().hex()}/{value.offset}/{value.shape}/{value.stride}".replace(" ", "")
        if kind is Storage:
            return f"S{value.key.encode().hex()}/{value.numel}"
        raise Refused(f"{kind}")


def verdict(question):
    stream = io.BytesIO(question)
    try:
        value = Reader(stream, encoding="utf-8").load()
        return f"ok {stream.tell()} {Writer().text(value)}"
    except Refused as error:
        return f"refused {error}"
    except MemoryError:
        # A reference to entry 2^31 of the memo, which is a list there.
        return "unknown"
    except Exception as error:
        return f"error {type(error).__name__} {error}"


def answer(question):
    return verdict(question).encode("utf-8", "surrogatepass")


class Call:
    def __init__(self, function, *args):
        self.function, self.args = function, args

    def __reduce__(self):
        return self.function, self.args


def torch_pickle():
    """A tensor as torch.save writes it, without torch."""
    import sys
    import types

    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    torch.FloatStorage = type("FloatStorage", (), {"__module__": "torch"})
    utils._rebuild_tensor_v2 = lambda *args: None
    utils._rebuild_tensor_v2.__module__ = "torch._utils"
    utils._rebuild_tensor_v2.__qualname__ = "_rebuild_tensor_v2"
    sys.modules.update({"torch": torch, "torch._utils": utils})

    class Pickler(pickle.Pickler):
        def persistent_id(self, value):
            return ("storage", torch.FloatStorage, value.key, "cpu", value.numel) if isinstance(value, Storage) else None

    stream = io.BytesIO()
    storage = Storage("", "0", 6)
    rebuilt = [Call(utils._rebuild_tensor_v2, storage, 0, (2, 3), (3, 1), False, OrderedDict()) for _ in range(2)]
    Pickler(stream, 2).dump({"ids": ["a", "b"], "data": rebuilt})
    return stream.getvalue()


def seeds():
    import os

    yield torch_pickle()

    shared = ["a", 1.5]
    loop = []
    loop.append(loop)
    values = [
        {"nucleotide": ["s1", "s2"], "data": [{"label": "s1", "mean_representation": [0.5, -1.25]}]},
        [None, True, False, 0, 1, -1, 255, 256, 65535, 65536, 2**31, -(2**31), 2**53, 2**70, -(2**70)],
        [0.0, -0.0, 1e300, 1e-320, float("inf"), float("-inf"), float("nan"), 0.1],
        ["", "plain", "Größe 🧬", "x" * 300, b"", b"\0\xff", bytearray(b"abc")],
        ((), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4), [], {}, set(), {1}, frozenset([2, 3])),
        [shared, shared, {"again": shared}],
        OrderedDict(z=1, a=2),
        list(range(12)),
        {n: -n for n in range(12)},
        loop,
        [os.system, len, OrderedDict],
        [Call(os.system, "true"), Call(eval, "1"), Call(getattr, "a", "upper")],
    ]
    for value in values:
        for protocol in range(6):
            yield pickle.dumps(value, protocol)
