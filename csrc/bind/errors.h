// Engine failures as Python exceptions: FaultError becomes `_engine.Fault(op name, code, value, limit)`.
#pragma once
#include <pybind11/pybind11.h>

namespace ckeras::bind {

namespace py = pybind11;

// Sets the Python error of the C++ exception that is being handled; for functions that bypass pybind11's dispatcher.
void set_python_error() noexcept;

// Takes the GIL and looks for a signal such as Ctrl-C: true leaves its Python exception set.
bool signal_pending();

void bind_errors(py::module_& module);

}  // namespace ckeras::bind
