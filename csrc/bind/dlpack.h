// DLPack, the exchange of arrays between libraries (https://dmlc.github.io/dlpack): CPU memory, in and out.
#pragma once
#include <pybind11/pybind11.h>

#include "runtime/array.h"

namespace ckeras::bind {

namespace py = pybind11;

// A versioned capsule shares the memory and carries the read-only flag; an unversioned one cannot say so and gets a
// copy.
py::object to_dlpack(const Array& array, bool versioned);

// An Array that shares the memory of a capsule and consumes it. Throws ValueError for memory that is not on the CPU,
// not contiguous, or of a dtype that the engine lacks; TypeError for anything but a capsule that nobody consumed.
py::object from_dlpack(const py::object& capsule);

}  // namespace ckeras::bind
