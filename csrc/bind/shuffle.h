// `_engine.Shuffler`: orders of samples.
#pragma once
#include <pybind11/pybind11.h>

namespace ckeras::bind {

void bind_shuffle(pybind11::module_& module);

}  // namespace ckeras::bind
