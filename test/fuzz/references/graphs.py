"""What the onnx package reads of a graph file: nodes, inputs, outputs and constants, without running any."""

import hashlib
import os

os.environ["PROTOCOL_BUFFERS_PYTHON_IMPLEMENTATION"] = "upb"
from onnx import ModelProto  # noqa: E402


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
            lines.append(f"tensor {text(each.name)} {each.data_type} {','.join(map(str, each.dims))} {data}")
        return "\n".join(lines)
    except Exception as error:
        return f"error {type(error).__name__} {error}"


def answer(question):
    return verdict(question).encode("utf-8", "surrogateescape")
