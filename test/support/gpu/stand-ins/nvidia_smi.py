"""
Answers as nvidia-smi does, of the GPUs in a file: `-L` and `--query-gpu=FIELDS --format=csv[,noheader][,nounits]`.

Usage: nvidia_smi.py GPUS.json OPTIONS...; the file has {"driver", "gpus": [{"uuid", "name", "computeCapability", "memoryMiB",
"parts": [{"uuid", "profile", "memoryMiB"}]}]}, parts being MIG instances.
"""

import json
import sys

# What a field is: its unit, and its value for a GPU.
FIELDS = {
    "index": ("", lambda gpu: gpu["index"]),
    "count": ("", lambda gpu: gpu["count"]),
    "uuid": ("", lambda gpu: gpu["uuid"]),
    "gpu_uuid": ("", lambda gpu: gpu["uuid"]),
    "name": ("", lambda gpu: gpu["name"]),
    "gpu_name": ("", lambda gpu: gpu["name"]),
    "driver_version": ("", lambda gpu: gpu["driver"]),
    "compute_cap": ("", lambda gpu: gpu["computeCapability"]),
    "pci.bus_id": ("", lambda gpu: f"00000000:{gpu['index'] + 1:02X}:00.0"),
    "compute_mode": ("", lambda gpu: "Default"),
    "persistence_mode": ("", lambda gpu: "Enabled"),
    "mig.mode.current": ("", lambda gpu: "Enabled" if gpu["parts"] else "Disabled" if gpu["canSplit"] else "[N/A]"),
    "mig.mode.pending": ("", lambda gpu: "Enabled" if gpu["parts"] else "Disabled" if gpu["canSplit"] else "[N/A]"),
    "memory.total": ("MiB", lambda gpu: gpu["memoryMiB"]),
    "memory.reserved": ("MiB", lambda gpu: 500),
    "memory.used": ("MiB", lambda gpu: 1000),
    "memory.free": ("MiB", lambda gpu: gpu["memoryMiB"] - 1500),
    "utilization.gpu": ("%", lambda gpu: "[N/A]" if gpu["parts"] else 97),
    "utilization.memory": ("%", lambda gpu: "[N/A]" if gpu["parts"] else 40),
    "temperature.gpu": ("", lambda gpu: 55),
    "power.draw": ("W", lambda gpu: "350.25"),
    "power.limit": ("W", lambda gpu: "700.00"),
    "clocks_throttle_reasons.active": ("", lambda gpu: "0x0000000000000000"),
    "clocks_event_reasons.active": ("", lambda gpu: "0x0000000000000000"),
}


def fail(text, code):
    print(text)
    sys.exit(code)


def listing(gpus):
    for gpu in gpus:
        print(f"GPU {gpu['index']}: {gpu['name']} (UUID: {gpu['uuid']})")
        for number, part in enumerate(gpu["parts"]):
            print(f"  MIG {part['profile']:<12} Device {number:>2}: (UUID: {part['uuid']})")


def table(gpus, fields, style):
    for field in fields:
        if field not in FIELDS:
            fail(f'Field "{field}" is not a valid field to query.\n', 2)
    if "noheader" not in style:
        units = "nounits" not in style
        print(", ".join(f"{field} [{FIELDS[field][0]}]" if FIELDS[field][0] and units else field for field in fields))
    for gpu in gpus:
        values = [(str(FIELDS[field][1](gpu)), FIELDS[field][0]) for field in fields]
        plain = "nounits" in style
        print(", ".join(value if plain or not unit or value == "[N/A]" else f"{value} {unit}" for value, unit in values))


def main():
    path, *options = sys.argv[1:]
    with open(path, encoding="utf-8") as file:
        machine = json.load(file)
    if machine["driver"] is None:
        fail(
            "NVIDIA-SMI has failed because it couldn't communicate with the NVIDIA driver. Make sure that the latest NVIDIA "
            "driver is installed and running.\n",
            9,
        )
    count = len(machine["gpus"])
    gpus = [{**gpu, "index": i, "count": count, "driver": machine["driver"]} for i, gpu in enumerate(machine["gpus"])]
    if not gpus:
        fail("No devices were found", 6)
    given = dict((option.split("=", 1) + [""])[:2] for option in options)
    if "-L" in given or "--list-gpus" in given:
        listing(gpus)
    elif "--query-gpu" in given:
        style = given.get("--format", "").split(",")
        if "csv" not in style:
            fail("Option --format= is missing or has no csv. Please run 'nvidia-smi -h' for help.", 1)
        table(gpus, given["--query-gpu"].split(","), style)
    else:
        fail(f"the stand-in for nvidia-smi does not know {' '.join(options)}", 1)


main()
