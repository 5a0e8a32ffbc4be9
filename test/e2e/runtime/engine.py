"""
Stands in for docker, podman and apptainer: what would run in a container runs here, with PATH of a container, and is refused when it
needs a file that the container would not see.

Usage: engine.py NAME STATE INSIDE ARGUMENTS...; STATE holds the images and a log, INSIDE is PATH in the container.
"""

import os
import re
import shlex
import sys

name, state, inside, *words = sys.argv[1:]
with open(os.path.join(state, "log"), "a") as log:
    log.write(" ".join([name, *words]) + "\n")

PORTS = {"8000": "http", "8001": "grpc", "8002": "metrics"}
FLAGS = ("--rm", "--init", "--nv", "--cleanenv", "--no-home")


def image_file(image):
    return os.path.join(state, re.sub(r"\W", "_", image))


def has(image):
    return os.path.exists(image if name == "apptainer" else image_file(image))


def fail(text):
    sys.exit(f"{name}: {text}")


def parse(words):
    """Options of run and exec, the image, and the command."""
    options, rest = [], list(words)
    while rest and rest[0].startswith("-"):
        flag = rest.pop(0)
        if flag not in FLAGS:
            options.append((flag, rest.pop(0)))
    return options, rest[0], rest[1:]


def mounts(options):
    """Paths in the container, with what they are outside and whether they may be written to."""
    found = {}
    for flag, value in options:
        if flag == "--mount":
            fields = dict((field.split("=", 1) + [""])[:2] for field in value.split(","))
            found[fields["target"]] = (fields["source"], "readonly" not in fields)
        if flag == "--bind":
            source, target, *how = value.split(":")
            found[target] = (source, how != ["ro"])
    return found


def outside(word, seen):
    """An argument with the path that it has outside of the container."""
    option, equals, path = word.partition("=")
    if not equals or not path.startswith("/"):
        return word
    for target, (source, writable) in seen.items():
        if path == target or path.startswith(f"{target}/"):
            if option in ("--saveEngine", "--timingCacheFile") and not writable:
                fail(f"{path} is read-only in the container")
            return f"{option}={source}{path[len(target):]}"
    return fail(f"{path} is not there in the container")


def run(options, image, command):
    if not has(image):
        fail(f"no image {image}")
    seen = mounts(options)
    environment = {**os.environ, "PATH": inside}
    if name == "apptainer":
        environment.pop("CUDA_VISIBLE_DEVICES", None)
    for flag, value in options:
        if flag == "--env" and "=" in value:
            environment.update([value.split("=", 1)])
    arguments = [outside(word, seen) for word in command]
    for flag, value in options:
        if flag == "--publish":
            address, port, target = value.rsplit(":", 2)
            arguments += [f"--{PORTS[target]}-address={address}", f"--{PORTS[target]}-port={port}"]
    os.execvpe(arguments[0], arguments, environment)


def compose(words):
    if words == ["version"]:
        return
    if "down" in words:
        return
    get = os.environ.get
    if not has(get("VIRNUCPRO_TRITON_IMAGE", "")):
        fail("no image")
    arguments = ["tritonserver", f"--model-repository={get('VIRNUCPRO_REPOSITORY')}"]
    for port in PORTS.values():
        arguments += [f"--{port}-address={get('VIRNUCPRO_ADDRESS')}", f"--{port}-port={get(f'VIRNUCPRO_{port.upper()}_PORT')}"]
    arguments += shlex.split(get("VIRNUCPRO_SERVER_ARGS"))
    os.execvpe(arguments[0], arguments, {**os.environ, "PATH": inside})


verb, *rest = words
if verb in ("run", "exec"):
    run(*parse(rest))
elif verb == "compose":
    compose(rest[rest.index("--file") + 2 :] if "--file" in rest else rest)
elif verb == "image":
    if not has(rest[-1]):
        fail("no such image")
    print("sha256:0123")
elif verb == "pull":
    print("fetching layers", flush=True)
    if os.environ.get("ENGINE_PULLS") == "no":
        fail("unauthorized")
    open(rest[0] if name == "apptainer" else image_file(rest[-1]), "w").close()
elif verb == "info":
    print('{"io.containerd.runc.v2":{},"nvidia":{}}')
