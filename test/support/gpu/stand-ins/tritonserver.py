"""
Becomes a real Triton server that takes the GPUs of gpus.h for its own: models for GPUs run in its Python backend, with an
instance for each GPU. It gets a copy of the model repository that is told so, made of links.

Usage: tritonserver.py SERVER STANDINS CODE OPTIONS...; STANDINS is the folder of standins.ts, CODE model_repository/python.
"""

import ctypes
import os
import re
import shutil
import sys

MODELS = "--model-repository="
GROUP = re.compile(r"instance_group \[ \{ kind: KIND_GPU count: (\d+)[^}]*\} \]")
# Batches for a GPU take this processor long.
WARMUP = re.compile(r"model_warmup \[.*\n\]", re.DOTALL)
# What only the TensorRT backend knows.
TENSORRT = re.compile(r"cc_model_filenames \[[^\]]*\]|optimization \{(?:[^{}]|\{[^{}]*\})*\}")


def visible_gpus(standins):
    count = ctypes.c_int()
    ctypes.CDLL(f"{standins}/driver/libcuda.so.1").cuDeviceGetCount(ctypes.byref(count))
    return count.value


def hide_driver(standins):
    """The server would take this driver for a real one."""
    paths = [f"{standins}/runtime", *os.environ.get("LD_LIBRARY_PATH", "").split(":")]
    os.environ["LD_LIBRARY_PATH"] = ":".join(path for path in paths if path not in ("", f"{standins}/driver"))


def on_stand_ins(config, gpus):
    """A configuration whose instances are on the GPUs. KIND_MODEL leaves to the model where it computes."""
    count = GROUP.search(config).group(1)
    groups = ", ".join(f'{{ name: "gpu{gpu}" kind: KIND_MODEL count: {count} }}' for gpu in range(gpus))
    config = WARMUP.sub("", config)
    config = TENSORRT.sub("", GROUP.sub(f"instance_group [ {groups} ]", config))
    return config.replace('backend: "tensorrt"', 'backend: "python"')


def link_all(source, target):
    os.makedirs(target)
    for name in os.listdir(source):
        os.symlink(os.path.join(source, name), os.path.join(target, name))


def host(source, target, standins, code):
    """Puts the plan of a version into the hands of model.py."""
    link_all(source, target)
    place = {"model.py": f"{standins}/python/model.py", "plan.py": f"{code}/plan.py", "tensorrt": f"{standins}/python/tensorrt"}
    if os.path.exists(f"{source}/model.py"):
        place["plan.py"] = f"{source}/model.py"
    else:
        place.update({name: f"{code}/{name}" for name in os.listdir(code) if name.endswith(".py") and name not in place})
    for name, path in place.items():
        if os.path.lexists(f"{target}/{name}"):
            os.remove(f"{target}/{name}")
        os.symlink(path, f"{target}/{name}")


def copy_model(source, target, gpus, standins, code):
    link_all(source, target)
    path = f"{source}/config.pbtxt"
    config = open(path, encoding="utf-8").read() if os.path.exists(path) else ""
    if GROUP.search(config) is None or gpus == 0:
        return
    os.remove(f"{target}/config.pbtxt")
    with open(f"{target}/config.pbtxt", "w", encoding="utf-8") as file:
        file.write(on_stand_ins(config, gpus))
    for version in filter(str.isdigit, os.listdir(source)):
        os.remove(f"{target}/{version}")
        host(f"{source}/{version}", f"{target}/{version}", standins, code)


def main():
    server, standins, code, *options = sys.argv[1:]
    gpus = visible_gpus(standins)
    hide_driver(standins)
    copy = f"{standins}/repositories/{os.getpid()}"
    for i, option in enumerate(options):
        if option.startswith(MODELS):
            options[i] = f"{MODELS}{copy}"
            source = os.path.abspath(option[len(MODELS) :])
            # An earlier server may have had this number.
            shutil.rmtree(copy, ignore_errors=True)
            os.makedirs(copy)
            for model in os.listdir(source):
                if os.path.isdir(f"{source}/{model}"):
                    copy_model(f"{source}/{model}", f"{copy}/{model}", gpus, standins, code)
    os.execv(server, [server, *options])


main()
