"""
Builds a plan as TensorRT's command line does, with the TensorRT of this folder.

Usage: trtexec.py MODULES OPTIONS...; those that `engines build` gives it.
"""

import re
import sys

modules, *options = sys.argv[1:]
sys.path.insert(0, modules)

import tensorrt as trt  # noqa: E402

SCALE = (10000, 100, 1)


def shape_of(text):
    """The shape of `input_ids` in input_ids:320x51,lengths:320."""
    return tuple(map(int, re.search(r"input_ids:([\dx]+)", text).group(1).split("x")))


class Logger(trt.ILogger):
    def log(self, severity, message):
        print(f"[{'E' if severity <= trt.ILogger.ERROR else 'I'}] {message}")


def main():
    number = sum(int(part) * scale for part, scale in zip(trt.__version__.split("."), SCALE))
    print(f"&&&& RUNNING TensorRT.trtexec [TensorRT v{number}] # trtexec {' '.join(options)}")
    given = dict((option.split("=", 1) + [""])[:2] for option in options if not option.startswith("--profile="))
    if "--help" in given:
        return
    name, capability = trt.gpu()
    print(f"[I] Selected Device: {name}\n[I] Compute Capability: {capability}\n[I] TensorRT version: {trt.__version__}")
    builder = trt.Builder(Logger())
    network = builder.create_network(0)
    parser = trt.OnnxParser(network, builder.logger)
    if not parser.parse_from_file(given["--onnx"]):
        sys.exit("\n".join(f"[E] {error}" for error in parser.errors))
    print("[I] Finished parsing network model")
    config = builder.create_builder_config()
    # The shapes of each profile follow its number.
    shapes = {which: [option for option in options if option.startswith(f"--{which}Shapes=")] for which in ("min", "opt", "max")}
    for texts in zip(*shapes.values()):
        profile = builder.create_optimization_profile()
        profile.set_shape("input_ids", *map(shape_of, texts))
        config.add_optimization_profile(profile)
    plan = builder.build_serialized_network(network, config)
    if plan is None:
        sys.exit("[E] Engine could not be created from network")
    print("[I] Engine built")
    with open(given["--saveEngine"], "wb") as file:
        file.write(plan)


main()
