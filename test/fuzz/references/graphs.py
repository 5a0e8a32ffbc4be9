"""What the onnx package reads of a graph file: nodes, inputs, outputs and constants, without running any."""

import hashlib
import importlib.util
import pathlib


def messages():
    """Those of the package alone: all of it takes seconds to load."""
    folder = pathlib.Path(importlib.util.find_spec("onnx").submodule_search_locations[0])
    spec = importlib.util.spec_from_file_location("onnx_ml_pb2", folder / "onnx_ml_pb2.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


ModelProto = messages().ModelProto


def text(value):
    return (value if isinstance(value, bytes) else value.encode("utf-8", "surrogatepass")).hex()


def verdict(question):
    try:
        model = ModelProto.FromString(question)
        lines = [f"graph {text(model.graph.name)}"]
        for node in model.graph.node:
            names = [",".join(map(text, names)) for names in (node.input, node.output)]
            attributes = ";".join(f"{text(each.name)}={each.type}:{list(each.ints)}".replace(" ", "") for each in node.attribute)
            lines.append(f"node {text(node.op_type)} {text(node.domain)} {text(node.name)} {' '.join(names)} {attributes}")
        for value in (*model.graph.input, *model.graph.output):
            lines.append(f"value {text(value.name)} {value.type.tensor_type.elem_type}")
        for each in model.graph.initializer:
            data = hashlib.sha256(each.raw_data).hexdigest()
            lines.append(f"tensor {text(each.name)} {each.data_type} {','.join(map(str, each.dims))} {each.data_location} {data}")
        return "\n".join(lines)
    except Exception as error:
        return f"error {type(error).__name__} {error}"


def answer(question):
    return verdict(question).encode("utf-8", "surrogateescape")
