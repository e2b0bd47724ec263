// `_engine.Cell`: a variable's storage.
#pragma once
#include <pybind11/pybind11.h>

namespace ckeras::bind {

namespace py = pybind11;

void bind_cell(py::module_& module);

}  // namespace ckeras::bind
