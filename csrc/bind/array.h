// `_engine.Array`: a Python object of our own type, since an array is made for every result of every eager op and must
// cost nanoseconds. Its methods are ordinary pybind11 functions.
#pragma once
#include <pybind11/pybind11.h>

#include <optional>

#include "runtime/array.h"

namespace ckeras::bind {

namespace py = pybind11;

struct ArrayObject {
  PyObject_HEAD Array value;
  PyObject* shape;  // tuple of int
};

extern PyTypeObject* array_type;

// A new reference. `shape` is a tuple that equals value's shape, or null to have one made.
PyObject* new_array(Array&& value, PyObject* shape = nullptr);

inline bool is_array(PyObject* object) { return Py_TYPE(object) == array_type; }
// The object's array; throws TypeError naming `what` when it is something else.
const Array& as_array(PyObject* object, const char* what);

inline py::object to_python(Array&& value) { return py::reinterpret_steal<py::object>(new_array(std::move(value))); }

// An Array of a NumPy array's values; without `copy` it shares the memory where layout and byte order allow.
py::object from_numpy(const py::object& object, bool copy);

// The memory of a NumPy array as it lies; nothing where the object is none, or needs `from_numpy` to read it: its
// layout, byte order or dtype is not the engine's.
std::optional<View> numpy_view(PyObject* object);

void bind_array(py::module_& module);

}  // namespace ckeras::bind
