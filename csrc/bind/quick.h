// The short ways of eager calls that no tape watches: `_engine.quick_elementwise` and `_engine.quick_matmul` for
// concrete tensors of one dtype, `_engine.short_way` for calls whose signature came often before. What they do not take
// gives None, and the caller goes the long way, with its messages.
#pragma once
#include <pybind11/pybind11.h>

namespace ckeras::bind {

namespace py = pybind11;

void bind_quick(py::module_& module);

}  // namespace ckeras::bind
