"""A file of vectors in the format of torch before 1.6, written without torch."""

import io
import pickle
import struct
import sys
import types
from collections import OrderedDict


class Storage:
    def __init__(self, key, numel):
        self.key, self.numel = key, numel


class Call:
    def __init__(self, function, *args):
        self.function, self.args = function, args

    def __reduce__(self):
        return self.function, self.args


def seeds():
    torch, utils = types.ModuleType("torch"), types.ModuleType("torch._utils")
    torch.FloatStorage = type("FloatStorage", (), {"__module__": "torch"})
    utils._rebuild_tensor_v2 = lambda *args: None
    utils._rebuild_tensor_v2.__module__, utils._rebuild_tensor_v2.__qualname__ = "torch._utils", "_rebuild_tensor_v2"
    sys.modules.update({"torch": torch, "torch._utils": utils})

    class Pickler(pickle.Pickler):
        def persistent_id(self, value):
            if isinstance(value, Storage):
                return ("storage", torch.FloatStorage, value.key, "cpu", value.numel, None)

    storages = [Storage("94001", 4), Storage("94002", 4)]
    rows = [Call(utils._rebuild_tensor_v2, each, 0, (4,), (1,), False, OrderedDict()) for each in storages]
    for protocol in (2, 4):
        stream = io.BytesIO()
        for value in (0x1950A86A20F9469CFC6C, 1001, {"protocol_version": 1001, "little_endian": True, "type_sizes": {"short": 2, "int": 4, "long": 4}}):
            pickle.dump(value, stream, protocol)
        Pickler(stream, protocol).dump({"proteins": ["a", "b"], "data": rows})
        pickle.dump([each.key for each in storages], stream, protocol)
        for i, each in enumerate(storages):
            stream.write(struct.pack("<q4f", each.numel, *(i + n / 4 for n in range(4))))
        yield stream.getvalue()
