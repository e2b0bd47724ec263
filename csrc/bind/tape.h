// Tapes: recording what the engine ran on its own, and backward passes that were made before.
#pragma once
#include <pybind11/pybind11.h>

#include <span>

namespace ckeras::bind {

namespace py = pybind11;

// Tells every tape of the tuple `tapes` that `primitive(*inputs, **attrs)` gave `outputs`.
void record(const py::object& tapes, PyObject* primitive, const py::object& attrs, std::span<const py::object> inputs,
            std::span<const py::object> outputs);

void forget_backward();

void bind_tape(py::module_& module);

}  // namespace ckeras::bind
