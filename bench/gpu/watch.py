#!/usr/bin/env python3
"""Samples a Triton server's counters and the GPU while a run goes on, and says how busy they were.

Usage: watch.py METRICS_URL OUT.jsonl -- COMMAND...
Prints one line of JSON: seconds of the command, from the first to the last batch, seconds of computing by model between
them, and the GPU's own mean utilization there. With several instances on a GPU the seconds of computing overlap.
"""

import json
import re
import subprocess
import sys
import threading
import time
import urllib.request

COUNTER = re.compile(r'nv_inference_(compute_infer_duration_us|exec_count|request_success)\{model="(esm2|dnabert_s)".*\} ([\d.]+)')


def sample(url):
    try:
        text = urllib.request.urlopen(url, timeout=5).read().decode()
    except OSError:
        return None
    found = {"time": time.time(), "gpu": utilization()}
    for name, model, value in COUNTER.findall(text):
        found[f"{model} {name}"] = found.get(f"{model} {name}", 0) + float(value)
    return found


def utilization():
    command = ["nvidia-smi", "--query-gpu=utilization.gpu,power.draw", "--format=csv,noheader,nounits"]
    try:
        line = subprocess.run(command, capture_output=True, text=True, timeout=5).stdout.splitlines()[0]
        return [float(part) for part in line.split(",")]
    except (OSError, IndexError, ValueError, subprocess.TimeoutExpired):
        return None


def main():
    url, path = sys.argv[1:3]
    command = sys.argv[sys.argv.index("--") + 1 :]
    samples, done = [sample(url)], threading.Event()

    def loop():
        with open(path, "w") as file:
            while not done.wait(0.5):
                now = sample(url)
                if now:
                    samples.append(now)
                    print(json.dumps(now), file=file, flush=True)

    thread = threading.Thread(target=loop)
    thread.start()
    start = time.time()
    code = subprocess.run(command).returncode
    seconds = time.time() - start
    samples.append(sample(url))
    done.set()
    thread.join()
    print(json.dumps({"exit_code": code, "seconds": round(seconds, 1), **summary([s for s in samples if s])}), flush=True)
    sys.exit(code)


def summary(samples):
    counts = [sum(s.get(f"{m} exec_count", 0) for m in ("esm2", "dnabert_s")) for s in samples]
    moving = [i for i in range(1, len(samples)) if counts[i] > counts[i - 1]]
    if not moving:
        return {}
    first, last = samples[moving[0] - 1], samples[moving[-1]]
    wall = last["time"] - first["time"]
    result = {"first_to_last_batch_s": round(wall, 1)}
    for model in ("esm2", "dnabert_s"):
        spent = last.get(f"{model} compute_infer_duration_us", 0) - first.get(f"{model} compute_infer_duration_us", 0)
        result[f"{model}_compute_s"] = round(spent / 1e6, 1)
        result[f"{model}_share"] = round(spent / 1e6 / wall, 3)
    readings = [s["gpu"] for s in samples[moving[0] : moving[-1] + 1] if s.get("gpu")]
    if readings:
        result["gpu_utilization_mean"] = round(sum(r[0] for r in readings) / len(readings) / 100, 3)
        result["gpu_watts_mean"] = round(sum(r[1] for r in readings) / len(readings))
    return result


if __name__ == "__main__":
    main()
