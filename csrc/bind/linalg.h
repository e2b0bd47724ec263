// `_engine.linalg`: one kernel of ops/linalg, eagerly. Its primitives are computed on the host, whatever the device.
#pragma once
#include <pybind11/pybind11.h>

namespace ckeras::bind {

void bind_linalg(pybind11::module_& module);

}  // namespace ckeras::bind
