// `_engine.Program`: a traced program.
#pragma once
#include <pybind11/pybind11.h>

namespace ckeras::bind {

namespace py = pybind11;

void bind_program(py::module_& module);

}  // namespace ckeras::bind
