"""Makes tiny wheels that stand for those of a private server. Usage: make_packages.py OUT < JSON

{"tensorrt": VERSION, "cuda": VERSION, "nvrtc": VERSION, "server": program, "library": a shared library,
 "packages": folders with numpy and perhaps TensorRT, "backends": of the server, null for its own, "filler": bytes of the libraries of TensorRT, which are zeros}
"""

import json
import os
import sys
import zipfile

out, asked = sys.argv[1], json.load(sys.stdin)
os.makedirs(out, exist_ok=True)
python = "%d.%d" % sys.version_info[:2]


def wheel(name, version, files):
    stem = f"{name.replace('-', '_')}-{version}"
    info = f"{stem}.dist-info"
    files = {
        **files,
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
    with zipfile.ZipFile(os.path.join(out, f"{stem}-py3-none-any.whl"), "w", zipfile.ZIP_DEFLATED) as archive:
        for path, content in {**files, f"{info}/RECORD": record}.items():
            archive.writestr(path, content)


with open(asked["library"], "rb") as file:
    library = file.read()
# Of several options of one name the last holds; a server that has backends of its own is not given ours.
if asked["backends"] is None:
    rest = 'for word; do shift; case $word in --backend-directory=*) ;; *) set -- "$@" "$word" ;; esac; done'
else:
    rest = f'set -- "$@" --backend-directory="{asked["backends"]}"'
server = f'#!/bin/sh\n{rest}\nexec "{asked["server"]}" "$@"\n'
triton = "pytriton/tritonserver"
wheel(
    "nvidia-pytriton",
    "0.7.0",
    {
        f"{triton}/bin/tritonserver": server,
        f"{triton}/python_backend_stubs/{python}/triton_python_backend_stub": "",
        f"{triton}/backends/python/README": "",
    },
)
wheel("numpy", "1.26.4", {"numpy_elsewhere.pth": "\n".join(asked["packages"]) + "\n"})
wheel("tensorrt-cu12-bindings", asked["tensorrt"], {"tensorrt_bindings/__init__.py": f'__version__ = "{asked["tensorrt"]}"\n'})
wheel(
    "tensorrt-cu12-libs",
    asked["tensorrt"],
    {"tensorrt_libs/__init__.py": "", "tensorrt_libs/libnvinfer.so.10": b"\0" * asked["filler"]},
)
wheel("nvidia-cuda-runtime-cu12", asked["cuda"], {"nvidia/cuda_runtime/lib/libcudart.so.12": library})
wheel("nvidia-cuda-nvrtc-cu12", asked["nvrtc"], {"nvidia/cuda_nvrtc/lib/libnvrtc.so.12": library})
