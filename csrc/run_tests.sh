#!/usr/bin/env bash
# Builds and runs the C++ tests: plain, under the address and undefined-behaviour sanitizers, under the thread sanitizer.
#   csrc/run_tests.sh [build directory] [plain|address|thread ...]
set -euo pipefail
source_dir=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
build_root=${1:-$source_dir/build-tests}
shift || true
kinds=("$@")
[ ${#kinds[@]} -gt 0 ] || kinds=(plain address thread)
jobs=${CKERAS_BUILD_JOBS:-$(nproc)}

export ASAN_OPTIONS=detect_leaks=1:strict_init_order=1:allocator_may_return_null=1
export UBSAN_OPTIONS=print_stacktrace=1
export TSAN_OPTIONS=halt_on_error=1

for kind in "${kinds[@]}"; do
  case $kind in
    plain) sanitize= ;;
    address) sanitize=address,undefined ;;
    thread) sanitize=thread ;;
    *) echo "unknown kind of test: $kind; expected plain, address or thread" >&2 && exit 2 ;;
  esac
  echo "== C++ tests: $kind"
  cmake -S "$source_dir" -B "$build_root/$kind" -DCMAKE_BUILD_TYPE=Release -DCKERAS_PYTHON=OFF -DCKERAS_TESTS=ON \
    -DCKERAS_WERROR=ON -DCKERAS_SANITIZE=$sanitize > /dev/null
  cmake --build "$build_root/$kind" --parallel "$jobs" > "$build_root/$kind/build.log" || {
    tail -n 60 "$build_root/$kind/build.log" >&2
    exit 1
  }
  ctest --test-dir "$build_root/$kind" --parallel "$jobs" --output-on-failure --timeout 300
done
