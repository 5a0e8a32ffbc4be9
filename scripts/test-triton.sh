#!/bin/sh
# Prepares a real Triton Inference Server without a container or a GPU: the server of a Python package, with its Python
# backend, and a Python with ONNX Runtime for it. Tests use it, and so can anyone:
#   virnucpro serve --repository DIR --server-bin .cache/triton/tritonserver
# Usage: scripts/test-triton.sh [FOLDER]   (default .cache/triton)
# PYTHON names the Python to use: CPython 3.9 to 3.12 with a shared libpython (Debian: package libpython3.x).
set -eu
cd "$(dirname "$0")/.."
target=${1:-.cache/triton}
# With numpy 2 this server's Python backend answers with empty tensors and says nothing.
packages='numpy==1.26.4 onnxruntime==1.23.2'
# To try the code for GPUs without one: a C compiler, and NVIDIA's run-time compiler for kernels.
tools='ziglang==0.13.0 nvidia-cuda-nvrtc-cu12==12.6.85'
server='nvidia-pytriton==0.7.0'
layout=2
wanted="$packages $tools $server layout $layout"
if [ "$(cat "$target/installed" 2>/dev/null)" = "$wanted" ]; then exit 0; fi
rm -rf "$target"
mkdir -p "$target"
target=$(cd "$target" && pwd -P)
"${PYTHON:-python3}" -m venv "$target/venv"
python="$target/venv/bin/python"
"$python" -m pip install --quiet --disable-pip-version-check uv
# shellcheck disable=SC2086
"$target/venv/bin/uv" pip install --quiet --no-cache --python "$python" $packages $tools
"$target/venv/bin/uv" pip install --quiet --no-cache --python "$python" --no-deps --target "$target/package" "$server"
triton="$target/package/pytriton/tritonserver"
version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
stub="$triton/python_backend_stubs/$version/triton_python_backend_stub"
if [ ! -e "$stub" ]; then
  echo "test-triton.sh: $server has no Python backend for Python $version; name another with PYTHON=" >&2
  exit 1
fi
cp "$stub" "$triton/backends/python/"
chmod +x "$triton/bin/tritonserver" "$triton/backends/python/triton_python_backend_stub"

# The server starts its Python processes with `python3` of PATH as their home, and nothing of PYTHONPATH reaches them.
# They need the libpython of the Python that the environment was made from.
libraries=$("$python" -c 'import sysconfig; print(sysconfig.get_config_var("LIBDIR"))')
cat > "$target/tritonserver" <<WRAPPER
#!/bin/sh
export LD_LIBRARY_PATH="$libraries\${LD_LIBRARY_PATH:+:\$LD_LIBRARY_PATH}"
export PATH="$target/venv/bin:\$PATH"
exec "$triton/bin/tritonserver" --backend-directory="$triton/backends" "\$@"
WRAPPER
chmod +x "$target/tritonserver"

missing=$(LD_LIBRARY_PATH="$libraries" ldd "$triton/bin/tritonserver" \
  "$triton/backends/python/triton_python_backend_stub" | grep 'not found' | sort -u || true)
if [ -n "$missing" ]; then
  echo "test-triton.sh: libraries are missing (Debian: apt install libpython$version; glibc must be 2.35 or later):" >&2
  echo "$missing" >&2
  exit 1
fi
echo "$wanted" > "$target/installed"
