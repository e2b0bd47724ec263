// Tapes: recording what the engine ran on its own, and backward passes that were made before.
#pragma once
#include <pybind11/pybind11.h>

#include <span>

namespace ckeras::bind {

namespace py = pybind11;

// Tells every tape of the tuple `tapes` that `primitive(*inputs)`, without attributes, gave `output`.
void record(PyObject* tapes, PyObject* primitive, std::span<const py::object> inputs, PyObject* output);

void forget_backward();

void bind_tape(py::module_& module);

}  // namespace ckeras::bind
