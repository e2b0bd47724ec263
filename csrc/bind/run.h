// `_engine.run`: one op, eagerly.
#pragma once
#include <pybind11/pybind11.h>

#include <optional>

#include "cpu/denormals.h"
#include "runtime/step.h"

namespace ckeras::bind {

namespace py = pybind11;

// Work on fewer bytes than this is done before another thread could make use of the GIL.
inline constexpr int64_t kReleaseGilBytes = 32 * 1024;

// work() as kernels run: denormals are flushed, and other threads hold the GIL meanwhile where `bytes` are many.
template <class Work>
void run_briefly(int64_t bytes, const Work& work) {
  std::optional<py::gil_scoped_release> release;
  if (bytes >= kReleaseGilBytes) release.emplace();
  const cpu::FlushDenormals flush;
  work();
}

// Runs a step that reads and writes `bytes`, with workspace. Throws FaultError, OutOfMemory.
void run_step(const Step& step, const View* in, const View* out, int64_t bytes);

void bind_run(py::module_& module);

}  // namespace ckeras::bind
