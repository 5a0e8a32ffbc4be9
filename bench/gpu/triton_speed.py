#!/usr/bin/env python3
"""Models of a repository behind Triton, driven by this project's own client on Bun: tokens/s, the server's busy share,
client CPU.

Usage: triton_speed.py --bundle BUNDLE --plans PLANS --model esm2 --bun BUN [--backend python|tensorrt]
                       [--batches 320x51,96x168] [--in-flight 2,3,4] [--instances 1,2]
The repository is what `virnucpro repository build` makes. Environment: TRITON_BIN, a server program that finds its
backends and libraries by itself, such as unpack.sh makes.
"""

import argparse
import http.client
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
CLI = os.path.join(HERE, "..", "..", "src", "cli", "main.ts")


def make_repository(options, instances):
    folder = tempfile.mkdtemp(prefix="triton-")
    command = [options.bun, CLI, "repository", "build", "--bundle", options.bundle, "--backend", options.backend]
    command += ["--plans", options.plans] if options.plans else []
    subprocess.run([*command, "--instances", instances, "--output", folder, "--quiet"], check=True)
    return folder


def get(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    connection.request("GET", path)
    response = connection.getresponse()
    return response.status, response.read().decode()


def start(repository, model, log):
    command = [os.environ["TRITON_BIN"], f"--model-repository={repository}", "--model-control-mode=explicit"]
    command += [f"--load-model={model}", "--disable-auto-complete-config"]
    command += ["--http-port=18000", "--grpc-port=18001", "--metrics-port=18002"]
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
    parser.add_argument("--bundle", required=True)
    parser.add_argument("--plans")
    parser.add_argument("--backend", default="python", choices=("python", "tensorrt"))
    parser.add_argument("--model", default="esm2")
    parser.add_argument("--bun", default="bun")
    parser.add_argument("--batches", default="320x51,96x168")
    parser.add_argument("--in-flight", default="2,3,4")
    parser.add_argument("--instances", default="1,2")
    parser.add_argument("--seconds", type=float, default=6)
    options = parser.parse_args()
    for instances in options.instances.split(","):
        path = os.path.join(os.environ.get("OUT", tempfile.gettempdir()), f"triton-{instances}.log")
        repository = make_repository(options, instances)
        with open(path, "w") as log:
            server = start(repository, options.model, log)
            ready = wait_ready(server)
            print(json.dumps({"instances": int(instances), "ready_s": ready}), flush=True)
            if ready is None:
                subprocess.run(["tail", "-30", path])
            else:
                for batch in options.batches.split(","):
                    for flight in options.in_flight.split(","):
                        measure(options, batch, flight, instances)
            server.terminate()
            try:
                server.wait(60)
            except subprocess.TimeoutExpired:
                server.kill()
        shutil.rmtree(repository)


def measure(options, batch, flight, instances):
    before, begin = infer_microseconds(options.model), time.time()
    command = [options.bun, os.path.join(HERE, "triton-client.ts"), "grpc://127.0.0.1:18001", options.model]
    command += [*batch.split("x"), flight, str(options.seconds)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=options.seconds + 180)
    busy = (infer_microseconds(options.model) - before) / 1e6 / (time.time() - begin)
    line = done.stdout.strip().splitlines()[-1:] or [json.dumps({"error": done.stderr[-500:]})]
    print(json.dumps({**json.loads(line[0]), "instances": int(instances), "server_busy": round(busy, 3)}), flush=True)


if __name__ == "__main__":
    sys.exit(main())
