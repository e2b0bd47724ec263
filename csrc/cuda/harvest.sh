#!/usr/bin/env bash
# All that a machine with a GPU can tell, into files of a folder: stages by name, all when none is named.
#   csrc/cuda/harvest.sh FOLDER [kernels] [suite] [hashes] [bench] [sanitizer]
# Needs nvcc, CMake, pybind11, pytest; Ninja, pytest-xdist, pytest-timeout, compute-sanitizer, PyTorch and JAX where
# there are some. Nothing is fetched. First it builds, in build-harvest, for compute capability 9.0 alone
# (CKERAS_CUDA_ARCHITECTURES asks for others); a later call finds that done.
#   FOLDER/summary.txt   a line a stage        FOLDER/log.txt   what they printed, as they print it
#   FOLDER/models.md, FOLDER/kernels.md        the tables of the bench
# A stage that fails, or hangs, does not end the others: it is killed when its time is over. CKERAS_HARVEST_SECONDS is
# the time of the whole call: no stage goes on after it.
# CKERAS_CUDA_CONDITIONAL=0 takes conditional nodes out of graphs; `suite` goes on without them where they alone fail.
# CKERAS_HARVEST_EMULATED, a build directory of CKERAS_TESTS=ON, rehearses it all on the emulated device, in small.
set -uo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/../.."
out=${1:?the folder for the results}
shift
[ $# -gt 0 ] || set -- kernels suite hashes bench sanitizer
mkdir -p "$out"
out=$(cd "$out" && pwd)
end=$((SECONDS + ${CKERAS_HARVEST_SECONDS:-1000000}))
python=${PYTHON:-python3}
rehearsal=${CKERAS_HARVEST_EMULATED:-}
build=${rehearsal:-$PWD/build-harvest}
paths=$PWD/python:$PWD/tests given=${PYTHONPATH:-}
[ -z "$given" ] || { [ -n "$rehearsal" ] && paths=$given:$paths || paths=$paths:$given; } # of an installed ckeras, say
export PYTHONPATH=$paths PYTHONUNBUFFERED=1
unset CKERAS_CUDA_EMULATED CKERAS_DEVICE
failed=0

# stage NAME SECONDS command...: its output in log.txt, its end in the summary.
stage() {
  local name=$1 limit=$2 begun=$SECONDS result=passed code=0
  shift 2
  [ "$limit" -le $((end - SECONDS)) ] || limit=$((end - SECONDS))
  if [ "$limit" -lt 5 ]; then
    echo "$name: NOT BEGUN, no time is left" | tee -a "$out/summary.txt"
    failed=1
    return 1
  fi
  echo "==== $name: $*" >> "$out/log.txt"
  timeout -k 5 "$limit" "$@" >> "$out/log.txt" 2>&1 || code=$?
  [ $code = 0 ] || result="FAILED ($code)" failed=1
  [ $code != 124 ] && [ $code != 137 ] || result="FAILED, out of time"
  echo "$name: $result, $((SECONDS - begun)) s; $(tail -n 1 "$out/log.txt" | cut -c1-160)" | tee -a "$out/summary.txt"
  return $code
}

tests=()
for source in csrc/cuda/*.test.cpp; do tests+=("$(basename "$source" .test.cpp)"); done
if [ -n "$rehearsal" ]; then
  kind=cuda tiny=--tiny
  export CKERAS_CUDA_EMULATED=$build/libckeras_cuda_host.so
else
  kind=gpu tiny=
  {
    date -u
    nvidia-smi --query-gpu=name,driver_version,memory.total,clocks.max.sm --format=csv,noheader
    nvcc --version | tail -n 2
  } >> "$out/summary.txt" 2>&1
  generator=() keep_going=-k
  command -v ninja > /dev/null && generator=(-G Ninja) keep_going=-k0
  stage configure 90 cmake ${generator[@]+"${generator[@]}"} -S . -B "$build" -DCMAKE_BUILD_TYPE=Release \
    -DCKERAS_DEVELOP=ON -DCKERAS_CUDA=ON -DCKERAS_TESTS=ON -DPython_EXECUTABLE="$(command -v "$python")" \
    -DCKERAS_CUDA_ARCHITECTURES="${CKERAS_CUDA_ARCHITECTURES:-90-real}" \
    -Dpybind11_DIR="$("$python" -m pybind11 --cmakedir)"
  stage build 480 cmake --build "$build" --parallel "$(nproc)" --target _engine ckeras_cuda "${tests[@]/#/test_gpu_}" \
    -- $keep_going
  stage device 30 "$python" -m ckeras.device
fi

# Several at a time, each with every tool; what they said once they end.
sanitize_one() {
  local tool=$1 name=$2 said status=0
  said=$(timeout --foreground -k 5 240 ${sanitizer:+$sanitizer --tool "$tool" --error-exitcode 9} \
    "$(find "$build" -name "test_${kind}_$name" -type f)" 2>&1) || status=$?
  echo "== $tool $name: $([ $status = 0 ] && echo clean || echo "ended with $status")
$(tail -n 12 <<< "$said")"
  [ $status = 0 ]
}
sanitize() {
  local tool name not_clean
  [ -n "$rehearsal" ] || command -v "$sanitizer" || return 1
  for tool in memcheck racecheck initcheck; do
    for name in "${tests[@]}"; do echo "$tool $name"; done
  done | xargs -P 6 -L 1 bash -c 'sanitize_one "$@" || exit 1' sanitize_one
  not_clean=$?
  echo "$([ $not_clean = 0 ] && echo all clean || echo not all clean)"
  return $not_clean
}

# pytest on a GPU: in several processes, each of which ends with the test that hangs or that loses the card.
options=(-q -p no:cacheprovider -p gpu_lost -W default --tb=short --maxfail=300)
has() { "$python" -c "import $1" 2> /dev/null; }
# (Not --dist loadfile: it hands a test that ended its process to the next one.)
has xdist && options+=(-n "$([ -n "$rehearsal" ] && echo 2 || echo 8)" --dist worksteal)
has pytest_timeout && options+=(--timeout=60 --timeout-method=thread)
programs() { stage "$@" "$python" -m pytest "${options[@]}" tests/test_gpu_programs.py tests/test_gpu_device.py; }

# Not those of the processor alone: its memory, its short ways, its instruction sets, its library; nor a loop without
# end, which nothing interrupts on a GPU.
suite=(tests/test_ops_*.py tests/test_all_layers.py tests/test_layers*.py tests/test_rnn.py tests/test_losses.py
  tests/test_metrics.py tests/test_optimizers.py tests/test_models.py tests/test_fit.py tests/test_trainings.py
  tests/test_random.py tests/test_saving.py tests/test_tape.py tests/test_control_flow.py tests/test_call_arguments.py)
[ -z "$rehearsal" ] || suite=(tests/test_tape.py tests/test_control_flow.py tests/test_losses.py)

for name in "$@"; do
  case $name in
    kernels)
      stage kernels 300 ctest --test-dir "$build" -R "^${kind}_" --output-on-failure --timeout 100 --parallel 4
      ;;
    sanitizer)
      sanitizer=$([ -n "$rehearsal" ] || echo compute-sanitizer)
      export -f sanitize sanitize_one
      export build kind sanitizer rehearsal
      stage sanitizer 560 bash -c "tests=(${tests[*]}); sanitize"
      ;;
    suite)
      if ! programs programs 150 && CKERAS_CUDA_CONDITIONAL=0 programs programs_without_conditional_nodes 150; then
        export CKERAS_CUDA_CONDITIONAL=0
      fi
      stage suite 420 env CKERAS_DEVICE=gpu "$python" -m pytest "${options[@]}" "${suite[@]}" \
        -k "not makes_no_array and not memory_is_flat and not test_ops_bits and not can_be_interrupted and not instruction_set"
      ;;
    hashes) stage hashes 240 "$python" bench/gpu.py --hashes $tiny ;;
    bench)
      for part in models kernels; do
        stage "bench_$part" 540 "$python" bench/gpu.py --only "$part" --markdown "$out/$part.md" $tiny
      done
      ;;
    *)
      echo "$name: FAILED, no such stage" | tee -a "$out/summary.txt"
      failed=1
      ;;
  esac
done
exit $failed
