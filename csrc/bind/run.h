// `_engine.run`: one op, eagerly.
#pragma once
#include <pybind11/pybind11.h>

#include "runtime/step.h"

namespace ckeras::bind {

namespace py = pybind11;

// Work on fewer bytes than this is done before another thread could make use of the GIL.
inline constexpr int64_t kReleaseGilBytes = 32 * 1024;

// Runs a step that reads and writes `bytes`, with workspace. Throws FaultError, OutOfMemory.
void run_step(const Step& step, const View* in, const View* out, int64_t bytes);

void bind_run(py::module_& module);

}  // namespace ckeras::bind
