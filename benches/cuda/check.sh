#!/bin/sh
# Compiles and links infercost with its feature `cuda` on a machine without a GPU and without NVIDIA's toolkit:
# the compiler, headers and libraries come as Python wheels, and the driver is stood in for by a library of
# empty functions. What comes out starts only where a driver is installed.
#
#   benches/cuda/check.sh [WORK_FOLDER]
#
# Environment: CUDA_COMPUTE_CAP (default 80), CARGO_BUILD_JOBS. Needs python3 with venv, g++, and cargo; about
# 4 GB of disk. Nothing is written outside WORK_FOLDER (default: a new temporary folder).
set -eu

here=$(cd "$(dirname "$0")/../.." && pwd)
work=${1:-$(mktemp -d)}
mkdir -p "$work"
work=$(cd "$work" && pwd)
echo "working in $work"

# The wheels of CUDA 12 (`nvidia-cuda-nvcc-cu12`) hold ptxas alone: no nvcc and no cicc. Those of 13 hold all.
version=13.0
if [ ! -x "$work/venv/bin/pip" ]; then
    python3 -m venv "$work/venv"
fi
"$work/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps \
    "nvidia-cuda-nvcc==$version.*" "nvidia-nvvm==$version.*" "nvidia-cuda-crt==$version.*" \
    "nvidia-cuda-runtime==$version.*" "nvidia-cuda-nvrtc==$version.*" "nvidia-cuda-cccl==$version.*" \
    "nvidia-cublas==13.*,<13.2" "nvidia-curand==10.4.*"
packages=$("$work/venv/bin/python" -c 'import sysconfig; print(sysconfig.get_paths()["purelib"])')
toolkit=$(find "$packages/nvidia" -maxdepth 2 -path '*/bin' -type d | while read -r bin; do
    if [ -e "$bin/nvcc" ]; then dirname "$bin"; fi
done)
if [ -z "$toolkit" ]; then
    echo "the wheels hold no nvcc" >&2
    exit 1
fi
chmod +x "$toolkit"/bin/* "$toolkit"/nvvm/bin/* 2>/dev/null || true

# Linkers look for libX.so; wheels hold libX.so.N.
libraries=$work/lib
mkdir -p "$libraries"
find "$packages/nvidia" -name 'lib*.so*' | while read -r library; do
    plain=$(basename "$library" | sed 's/\.so.*$/.so/')
    ln -sf "$library" "$libraries/$plain"
done
find "$packages/nvidia" -name 'lib*.a' | while read -r library; do
    ln -sf "$library" "$libraries/$(basename "$library")"
done
if [ ! -e "$toolkit/lib64" ]; then
    ln -s "$libraries" "$toolkit/lib64"
fi

# The driver's library is part of the driver. Every function that its header names, empty, lets the linker finish.
grep -ohE '\bcu[A-Z][A-Za-z0-9_]*' "$toolkit/include/cuda.h" "$toolkit/include/cudaTypedefs.h" 2>/dev/null |
    sort -u | sed 's/.*/void &(void) {}/' > "$work/driver.c"
gcc -shared -fPIC -Wl,-soname,libcuda.so.1 -o "$libraries/libcuda.so" "$work/driver.c"

export CUDA_HOME="$toolkit" CUDA_PATH="$toolkit" NVCC="$toolkit/bin/nvcc"
export PATH="$toolkit/bin:$PATH"
export LIBRARY_PATH="$libraries${LIBRARY_PATH:+:$LIBRARY_PATH}"
export CUDA_COMPUTE_CAP="${CUDA_COMPUTE_CAP:-80}"
nvcc --version | tail -n 2

cd "$here"
# Speed of what comes out does not matter here.
cargo build --locked -p infercost --features cuda --target-dir "$work/target" \
    --config 'profile.dev.package."*".opt-level=0'
binary=$work/target/debug/infercost
echo "linked: $binary needs"
readelf -d "$binary" | grep -E 'NEEDED.*(cu|nv)' || {
    echo "the binary needs no CUDA library, so the feature was not in it" >&2
    exit 1
}
