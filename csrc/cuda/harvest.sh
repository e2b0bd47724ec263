#!/usr/bin/env bash
# All that a machine with a GPU can tell, into files of a folder: stages by name, all when none is named.
#   csrc/cuda/harvest.sh FOLDER [kernels] [suite] [hashes] [bench] [sanitizer]
# Where a call may take 10 minutes: first `kernels suite`, then `hashes bench`, then `sanitizer`; what is built stays.
# CKERAS_CUDA_CONDITIONAL=0 in front takes conditional nodes out of graphs, where they fail.
# Needs nvcc, CMake, pybind11, pytest; compute-sanitizer, PyTorch and JAX where there are some. Nothing is fetched. The
# first stage builds, in build-harvest. A stage that fails does not end the others; FOLDER/summary.txt has a line of each.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
out=${1:?the folder for the results}
shift
[ $# -gt 0 ] || set -- kernels suite hashes bench sanitizer
mkdir -p "$out"
out=$(cd "$out" && pwd)
build=$PWD/build-harvest
python=${PYTHON:-python3}
export PYTHONPATH=$PWD/python PYTHONUNBUFFERED=1
unset CKERAS_CUDA_EMULATED CKERAS_DEVICE

# stage NAME SECONDS command...: its output in FOLDER/NAME.log, its end in the summary.
stage() {
  local name=$1 limit=$2 begun=$SECONDS result=passed
  shift 2
  timeout "$limit" "$@" > "$out/$name.log" 2>&1 || result="FAILED ($?)"
  echo "$name: $result, $((SECONDS - begun)) s; $(tail -n 1 "$out/$name.log" | cut -c1-160)" | tee -a "$out/summary.txt"
}

{
  date -u
  nvidia-smi --query-gpu=name,driver_version,memory.total,clocks.max.sm --format=csv,noheader
  nvcc --version | tail -n 2
} >> "$out/summary.txt" 2>&1

stage configure 60 cmake -S . -B "$build" -DCMAKE_BUILD_TYPE=Release -DCKERAS_DEVELOP=ON -DCKERAS_CUDA=ON \
  -DCKERAS_TESTS=ON -DCKERAS_WERROR=ON -DPython_EXECUTABLE="$(command -v "$python")" \
  -Dpybind11_DIR="$("$python" -m pybind11 --cmakedir)"
tests=()
for source in csrc/cuda/*.test.cpp; do tests+=("test_gpu_$(basename "$source" .test.cpp)"); done
stage build 420 cmake --build "$build" --parallel "$(nproc)" --target _engine ckeras_cuda "${tests[@]}"
stage device 30 "$python" -m ckeras.device

sanitize() {
  local failed=0 test tool
  command -v compute-sanitizer || return 1
  for tool in memcheck racecheck initcheck; do
    for test in "${tests[@]}"; do
      echo "== $tool $test"
      timeout 60 compute-sanitizer --tool "$tool" --error-exitcode 9 "$(find "$build" -name "$test" -type f)" | tail -n 6
      local status=${PIPESTATUS[0]}
      [ "$status" = 0 ] || echo "   ended with $status"
      [ "$status" = 0 ] || failed=$((failed + 1))
    done
  done
  echo "$failed of $((3 * ${#tests[@]})) runs were not clean"
  [ "$failed" = 0 ]
}

beside=()
"$python" -c "import xdist" 2>/dev/null && beside=(-n 8 --dist loadfile)

# Not those of the processor alone: its memory, its short ways, its instruction sets, its library.
suite() {
  CKERAS_DEVICE=gpu "$python" -m pytest -q -p no:cacheprovider ${beside[@]+"${beside[@]}"} \
    tests/test_ops_*.py tests/test_all_layers.py tests/test_layers*.py tests/test_rnn.py tests/test_losses.py \
    tests/test_metrics.py tests/test_optimizers.py tests/test_models.py tests/test_fit.py tests/test_trainings.py \
    tests/test_random.py tests/test_saving.py tests/test_tape.py tests/test_control_flow.py tests/test_call_arguments.py \
    -k "not makes_no_array and not memory_is_flat and not test_ops_bits"
}

for name in "$@"; do
  case $name in
    kernels)
      stage kernels 300 ctest --test-dir "$build" -L gpu --output-on-failure --timeout 120 --parallel 4
      ;;
    sanitizer) export -f sanitize; export build; stage sanitizer 540 bash -c "tests=(${tests[*]}); sanitize" ;;
    suite)
      stage programs 120 "$python" -m pytest -q -p no:cacheprovider tests/test_gpu_programs.py tests/test_gpu_device.py
      export -f suite; export python; stage suite 420 bash -c "beside=(${beside[*]+${beside[*]}}); suite" ;;
    hashes) stage hashes 120 "$python" bench/gpu.py --hashes ;;
    bench)
      for part in models kernels; do
        stage "bench_$part" 540 "$python" bench/gpu.py --only "$part" --markdown "$out/$part.md"
      done
      ;;
    *) echo "unknown stage $name" >&2; exit 2 ;;
  esac
done
! grep -q FAILED "$out/summary.txt"
