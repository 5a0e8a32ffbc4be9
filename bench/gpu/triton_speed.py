#!/usr/bin/env python3
"""A plan behind Triton, driven by this project's own client on Bun: tokens/s, the server's busy share, client CPU.

Usage: triton_speed.py --plan PLAN --model esm2 --width 2560 --client "bun triton-client.js"
                       [--batches 320x51,96x168] [--in-flight 1,2,3] [--instances 1,2] [--native]
Environment: TRITON_BIN, TRITON_BACKENDS; what the server needs in LD_LIBRARY_PATH and PYTHONPATH. `--native` uses the
server's TensorRT backend; without it the plan runs in plan_backend.py, for servers that have only Python's.
"""

import argparse
import http.client
import json
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
import time

CONFIG = """name: "{model}"
backend: "{backend}"
max_batch_size: 0
input [ {{ name: "input_ids" data_type: TYPE_INT32 dims: [ -1, -1 ] }}, {{ name: "lengths" data_type: TYPE_INT32 dims: [ -1 ] }} ]
output [ {{ name: "embedding" data_type: TYPE_FP32 dims: [ -1, {width} ] }} ]
{group}
"""


def make_repository(options, instances):
    folder = tempfile.mkdtemp(prefix="triton-")
    version = os.path.join(folder, options.model, "1")
    os.makedirs(version)
    plan = os.path.abspath(options.plan)
    if options.native:
        os.symlink(plan, os.path.join(version, "model.plan"))
        profiles = ", ".join(f'"{i}"' for i in range(options.profiles))
        group = f"instance_group [ {{ kind: KIND_GPU count: {instances} profile: [ {profiles} ] }} ]"
    else:
        here = os.path.dirname(os.path.abspath(__file__))
        shutil.copy(os.path.join(here, "plan_backend.py"), os.path.join(version, "model.py"))
        group = f'instance_group [ {{ kind: KIND_CPU count: {instances} }} ]\nparameters {{ key: "plan" value: {{ string_value: "{plan}" }} }}'
    text = CONFIG.format(model=options.model, backend="tensorrt" if options.native else "python", width=options.width, group=group)
    with open(os.path.join(folder, options.model, "config.pbtxt"), "w") as file:
        file.write(text)
    return folder


def get(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("GET", path)
    response = connection.getresponse()
    return response.status, response.read().decode()


def start(repository, log):
    command = [os.environ["TRITON_BIN"], f"--model-repository={repository}", f"--backend-directory={os.environ['TRITON_BACKENDS']}"]
    command += ["--disable-auto-complete-config", "--http-port=18000", "--grpc-port=18001", "--metrics-port=18002"]
    return subprocess.Popen(command, stdout=log, stderr=log)


def wait_ready(server, seconds=150):
    begin = time.time()
    while time.time() - begin < seconds and server.poll() is None:
        try:
            if get(18000, "/v2/health/ready")[0] == 200:
                return time.time() - begin
        except OSError:
            pass
        time.sleep(0.3)
    return None


def infer_microseconds(model):
    _, text = get(18002, "/metrics")
    lines = [line for line in text.splitlines() if line.startswith("nv_inference_compute_infer_duration_us") and f'"{model}"' in line]
    return sum(float(line.split()[-1]) for line in lines)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plan", required=True)
    parser.add_argument("--model", default="esm2")
    parser.add_argument("--width", type=int, default=2560)
    parser.add_argument("--client", required=True)
    parser.add_argument("--batches", default="320x51,96x168")
    parser.add_argument("--in-flight", default="1,2,3")
    parser.add_argument("--instances", default="1")
    parser.add_argument("--profiles", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=6)
    parser.add_argument("--native", action="store_true")
    options = parser.parse_args()
    # The client is a program of its own and must not load the server's libraries.
    env = {key: value for key, value in os.environ.items() if key not in ("LD_LIBRARY_PATH", "PYTHONPATH")}
    for instances in options.instances.split(","):
        path = os.path.join(os.environ.get("OUT", tempfile.gettempdir()), f"triton-{instances}.log")
        repository = make_repository(options, instances)
        with open(path, "w") as log:
            server = start(repository, log)
            ready = wait_ready(server)
            print(json.dumps({"instances": int(instances), "ready_s": ready}), flush=True)
            if ready is None:
                subprocess.run(["tail", "-30", path])
            else:
                for batch in options.batches.split(","):
                    for flight in options.in_flight.split(","):
                        measure(options, env, batch, flight, instances)
            server.terminate()
            try:
                server.wait(60)
            except subprocess.TimeoutExpired:
                server.kill()
        shutil.rmtree(repository)


def measure(options, env, batch, flight, instances):
    before, begin = infer_microseconds(options.model), time.time()
    command = [*shlex.split(options.client), "grpc://127.0.0.1:18001", options.model, *batch.split("x"), flight, str(options.seconds)]
    done = subprocess.run(command, capture_output=True, text=True, env=env, timeout=options.seconds + 180)
    busy = (infer_microseconds(options.model) - before) / 1e6 / (time.time() - begin)
    line = done.stdout.strip().splitlines()[-1:] or [json.dumps({"error": done.stderr[-500:]})]
    print(json.dumps({**json.loads(line[0]), "instances": int(instances), "server_busy": round(busy, 3)}), flush=True)


if __name__ == "__main__":
    sys.exit(main())
