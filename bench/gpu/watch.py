#!/usr/bin/env python3
"""Samples the counters of Triton servers and their GPUs while a run goes on, and says how busy they were.

Usage: watch.py METRICS_URL[,...] OUT.jsonl -- COMMAND...
Prints one line of JSON: seconds of the command, from the first to the last batch, and by GPU (or by server, where models are
on the CPU) seconds of computing by model and the means of nv_gpu_utilization and of what nvidia-smi says between them. With
several instances on a GPU the seconds of computing overlap. What a single server had is said for all of it once more.
"""

import json
import re
import signal
import subprocess
import sys
import threading
import time
import urllib.request

LINE = re.compile(r"^(nv_[a-z_]+)\{([^}]*)\}\s+(\S+)", re.M)
COUNTERS = {
    "nv_inference_compute_infer_duration_us": "computed_us",
    "nv_inference_request_success": "requests",
}
MODELS = ("esm2", "dnabert_s")
EVERY_SECONDS = 0.5
# Triton renews what it says of a GPU every two seconds: before that it speaks of the time before the first batch.
STALE_SECONDS = 3


def page(url):
    """Readings by GPU; under the empty name where models are on the CPU. None where the server does not answer."""
    try:
        text = urllib.request.urlopen(url, timeout=5).read().decode()
    except OSError:
        return None
    places = {}
    for name, labels, value in LINE.findall(text):
        label = dict(re.findall(r'(\w+)="([^"]*)"', labels))
        place = places.setdefault(label.get("gpu_uuid", ""), {})
        if name == "nv_gpu_utilization":
            place["utilization"] = float(value)
        elif name in COUNTERS and label.get("model") in MODELS:
            place[f"{label['model']} {COUNTERS[name]}"] = float(value)
    # A GPU without a model is none of this server's.
    return {gpu: readings for gpu, readings in places.items() if any("requests" in key for key in readings)}


def gpus():
    """Utilization in percent and watts by UUID."""
    command = ["nvidia-smi", "--query-gpu=uuid,utilization.gpu,power.draw", "--format=csv,noheader,nounits"]
    try:
        lines = subprocess.run(command, capture_output=True, text=True, timeout=5).stdout.splitlines()
        parts = [line.split(", ") for line in lines]
        return {uuid: [float(busy), float(watts)] for uuid, busy, watts in parts}
    except (OSError, ValueError, subprocess.TimeoutExpired):
        return {}


def sample(urls):
    return {"time": time.time(), "servers": [page(url) for url in urls], "gpus": gpus()}


def main():
    urls, path = sys.argv[1].split(","), sys.argv[2]
    command = sys.argv[sys.argv.index("--") + 1 :]
    samples, done = [sample(urls)], threading.Event()

    def loop():
        with open(path, "w") as file:
            while not done.wait(EVERY_SECONDS):
                samples.append(sample(urls))
                print(json.dumps(samples[-1]), file=file, flush=True)

    thread = threading.Thread(target=loop)
    thread.start()
    start = time.time()
    child = subprocess.Popen(command)
    # A run that takes too long is asked to stop; what was seen until then is still reported.
    signal.signal(signal.SIGTERM, lambda *_: child.terminate())
    code = child.wait()
    seconds = time.time() - start
    done.set()
    thread.join()
    samples.append(sample(urls))
    print(json.dumps({"exit_code": code, "seconds": round(seconds, 1), **summary(samples)}), flush=True)
    sys.exit(code)


def requests(place):
    return sum(place.get(f"{model} requests", 0) for model in MODELS)


def summary(samples):
    """Servers that are killed meanwhile count up to their last answer."""
    places = sorted({(i, gpu) for s in samples for i, server in enumerate(s["servers"]) for gpu in server or {}})
    span = [moving([(s["time"], (s["servers"][i] or {}).get(gpu)) for s in samples]) for i, gpu in places]
    active = [found for found in span if found]
    if not active:
        return {}
    begin, end = min(first[0] for first, _ in active), max(last[0] for _, last in active)
    wall = max(end - begin, 0.001)
    result = {"first_to_last_batch_s": round(wall, 1), "gpus": []}
    within = [s for s in samples if begin < s["time"] <= end]
    between = [s for s in within if s["time"] > begin + STALE_SECONDS] or within
    for (i, gpu), found in zip(places, span):
        entry = {"server": i, "gpu": gpu, "requests": 0}
        if found:
            (first_time, first), (last_time, last) = found
            entry["requests"] = round(requests(last) - requests(first))
            entry["first_s"], entry["last_s"] = round(first_time - begin, 1), round(last_time - begin, 1)
            for model in MODELS:
                key = f"{model} computed_us"
                entry[f"{model}_compute_s"] = round((last.get(key, 0) - first.get(key, 0)) / 1e6, 2)
        said = [(s["servers"][i] or {}).get(gpu, {}).get("utilization") for s in between]
        entry["nv_gpu_utilization"] = mean([value for value in said if value is not None])
        smi = [found for s in between if (found := of_gpu(s["gpus"], gpu, i))]
        if smi:
            entry["gpu_utilization_mean"] = mean([busy / 100 for busy, _ in smi])
            entry["gpu_watts_mean"] = round(sum(watts for _, watts in smi) / len(smi))
        result["gpus"].append(entry)
    if len(result["gpus"]) == 1:
        (only,) = result["gpus"]
        for model in MODELS:
            result[f"{model}_compute_s"] = only[f"{model}_compute_s"]
            result[f"{model}_share"] = round(only[f"{model}_compute_s"] / wall, 3)
        result.update({key: only[key] for key in ("gpu_utilization_mean", "gpu_watts_mean") if key in only})
    return result


def of_gpu(all_gpus, uuid, server):
    """Where the server does not name its GPU, the first server has the first."""
    listed = list(all_gpus)
    return all_gpus.get(uuid or (listed[server] if server < len(listed) else ""))


def mean(values):
    return round(sum(values) / len(values), 4) if values else None


def moving(readings):
    """The last reading before something was answered and the first one with all answers; None where there was nothing."""
    known = [(at, place) for at, place in readings if place is not None]
    changes = [i for i in range(1, len(known)) if requests(known[i][1]) > requests(known[i - 1][1])]
    return (known[changes[0] - 1], known[changes[-1]]) if changes else None


if __name__ == "__main__":
    main()
