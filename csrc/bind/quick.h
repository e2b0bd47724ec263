// `_engine.quick_elementwise` and `_engine.quick_matmul`: the short way of an eager call, for concrete tensors of one
// dtype that no tape watches. What they do not take gives None, and the caller goes the long way, with its messages.
#pragma once
#include <pybind11/pybind11.h>

namespace ckeras::bind {

namespace py = pybind11;

void bind_quick(py::module_& module);

}  // namespace ckeras::bind
