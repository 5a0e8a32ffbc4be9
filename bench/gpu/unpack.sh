#!/bin/bash
# Puts in place what pack.sh made and, where their parts are there too, TensorRT and Triton. May be run again.
# Usage: bench/gpu/unpack.sh    Settings: UP (the parts, /tmp/up), BUN_DIR (/tmp/bun), TRT (/tmp/trt106), PYTHON
# Makes $BUN_DIR/bun, node_modules of this checkout if it has none, $TRT/python (PYTHON with TensorRT's bindings) and
# $TRT/tritonserver (a server whose Python has TensorRT's bindings and numpy 1.26).
set -euo pipefail
root=$(cd "$(dirname "$0")/../.." && pwd)
UP=${UP:-/tmp/up}
BUN_DIR=${BUN_DIR:-/tmp/bun}
TRT=${TRT:-/tmp/trt106}
PYTHON=${PYTHON:-python3}
if [ ! -e "$BUN_DIR/ok" ]; then
  (cd "$UP" && sha256sum -c --quiet PACK_SHA256SUMS)
  mkdir -p "$BUN_DIR"
  xz -dc "$UP/bun.xz" > "$BUN_DIR/bun"
  chmod +x "$BUN_DIR/bun"
  xz -dc "$UP/node_modules.tar.xz" | tar -x -C "$BUN_DIR"
  touch "$BUN_DIR/ok"
fi
# Bun looks for packages in the folders above the program's own files.
[ -e "$root/node_modules" ] || ln -s "$BUN_DIR/node_modules" "$root/node_modules"
# The client is a package of this checkout: its link leads to where the packages were packed.
ln -sfn "$root/packages/tritonclient-ts" "$BUN_DIR/node_modules/tritonclient-ts"
"$BUN_DIR/bun" "$root/src/cli/main.ts" --version

if [ -e "$UP/SHA256SUMS" ] && [ ! -e "$TRT/ok" ]; then
  mkdir -p "$TRT/lib"
  # The builder's resource is the longest by far: the others unpack beside it.
  awk '{print $2}' "$UP/SHA256SUMS" | xargs -P 8 -I{} sh -c 'cat "$0/{}".xz.p?? | xz -dc > "$1/lib/{}"' "$UP" "$TRT"
  (cd "$TRT/lib" && sha256sum -c --quiet "$UP/SHA256SUMS")
  "$PYTHON" -m pip install -q --no-index --no-deps --target "$TRT/site" "$UP"/tensorrt_cu12_bindings*.whl
  "$PYTHON" -m pip install -q --no-index --no-deps --target "$TRT/triton" "$UP"/nvidia_pytriton*.whl
  version=$("$PYTHON" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
  # The server starts its Python with the python3 of PATH as home, and PYTHONPATH does not reach it: an environment with
  # numpy 1.26, since this server answers with empty tensors under numpy 2.
  "$PYTHON" -m venv --without-pip "$TRT/venv"
  "$PYTHON" -m pip install -q --no-index --no-deps --target "$TRT/venv/lib/python$version/site-packages" \
    "$UP"/tensorrt_cu12_bindings*.whl "$UP"/numpy-1.26*.whl
  server=$TRT/triton/pytriton/tritonserver
  cp "$server/python_backend_stubs/$version/triton_python_backend_stub" "$server/backends/python/"
  chmod +x "$server/bin/tritonserver" "$server/backends/python/triton_python_backend_stub"
  touch "$TRT/ok"
fi
if [ -e "$TRT/ok" ]; then
  server=$TRT/triton/pytriton/tritonserver
  libraries=$("$PYTHON" -c 'import sysconfig; print(sysconfig.get_config_var("LIBDIR"))')
  printf '#!/bin/sh\nexport LD_LIBRARY_PATH="%s${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" PYTHONPATH="%s${PYTHONPATH:+:$PYTHONPATH}"\nexec "%s" "$@"\n' \
    "$TRT/lib" "$TRT/site" "$(command -v "$PYTHON")" > "$TRT/python"
  printf '#!/bin/sh\nexport LD_LIBRARY_PATH="%s:%s:%s${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}" PATH="%s:$PATH"\nexec "%s" --backend-directory="%s" "$@"\n' \
    "$TRT/lib" "$TRT/triton/nvidia_pytriton.libs" "$libraries" "$TRT/venv/bin" "$server/bin/tritonserver" "$server/backends" \
    > "$TRT/tritonserver"
  chmod +x "$TRT/python" "$TRT/tritonserver"
  LD_LIBRARY_PATH="$TRT/lib:$TRT/triton/nvidia_pytriton.libs:$libraries" ldd "$server/bin/tritonserver" \
    "$server/backends/python/triton_python_backend_stub" | grep 'not found' | sort -u || true
  LD_LIBRARY_PATH="$TRT/lib" "$TRT/venv/bin/python3" -c 'import numpy, tensorrt_bindings as t; print("server Python: numpy", numpy.__version__, "TensorRT", t.__version__)'
  "$TRT/python" "$root/src/server/engines/python/build_engine.py" --probe || true
fi
