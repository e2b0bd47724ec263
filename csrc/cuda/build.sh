#!/usr/bin/env bash
# Compiles all CUDA sources for all targets with warnings as errors; needs nvcc, but no GPU.
#   csrc/cuda/build.sh [build directory]         the library
#   csrc/cuda/build.sh [build directory] test    and its tests, run on this machine's device
set -euo pipefail
source_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)
build=${1:-$source_dir/build-cuda}
tests=OFF
targets=(--target ckeras_cuda)
if [ "${2:-}" = test ]; then
  tests=ON
  targets=()
fi
cmake -S "$source_dir" -B "$build" -DCMAKE_BUILD_TYPE=Release -DCKERAS_PYTHON=OFF -DCKERAS_CUDA=ON \
  -DCKERAS_TESTS=$tests -DCKERAS_WERROR=ON > /dev/null
cmake --build "$build" --parallel "${CKERAS_BUILD_JOBS:-$(nproc)}" "${targets[@]}"
[ $tests = OFF ] || ctest --test-dir "$build" -L gpu --output-on-failure --timeout 600
