// Python's tensors and variables as the engine sees them: where a Tensor keeps what, and the ambient state of calls.
#pragma once
#include <pybind11/pybind11.h>

#include "bind/array.h"

namespace ckeras::bind {

namespace py = pybind11;

// Python's classes, as `set_tensors` found them. The references are kept for ever.
struct TensorTypes {
  PyTypeObject* tensor = nullptr;
  PyTypeObject* variable = nullptr;
  PyObject* state = nullptr;                                                  // scope.state
  Py_ssize_t array = 0, shape = 0, dtype = 0, repeats = 0;                    // where a Tensor keeps them
  PyObject *tapes, *trace, *overlay, *autocast, *stored, *value, *bool_name;  // strings
};

extern TensorTypes tensors;

inline PyObject*& slot(PyObject* object, Py_ssize_t offset) {
  return *reinterpret_cast<PyObject**>(reinterpret_cast<char*>(object) + offset);
}

// `owner.name`; throws Python's error.
py::object attribute(PyObject* owner, PyObject* name);

// The tapes of this thread: a tuple.
py::object active_tapes();
inline bool none_of(const py::object& tapes) { return PyTuple_GET_SIZE(tapes.ptr()) == 0; }

// The concrete tensor that an operand is or, outside traces, scopes and mixed precision, a variable holds; or null.
// Where there are tapes they are told that the variable is read.
py::object tensor_of(PyObject* operand, bool taped = false);

// The array of a Tensor on this processor, or null.
inline const Array* array_of(PyObject* tensor) {
  PyObject* array = slot(tensor, tensors.array);
  return array != nullptr && is_array(array) ? &reinterpret_cast<ArrayObject*>(array)->value : nullptr;
}

inline bool is_float(DType dtype) {
  return dtype == DType::F32 || dtype == DType::F64 || dtype == DType::F16 || dtype == DType::BF16;
}

// A Tensor of `array`; `shape` is a tuple that equals the array's, or null.
PyObject* new_tensor(Array&& array, PyObject* shape, PyObject* dtype);

// Another Tensor of the same memory.
PyObject* twin_of(PyObject* tensor);

// The offset of a member that `type` declares in __slots__.
Py_ssize_t offset_of(const py::object& type, const char* name);
PyTypeObject* kept_type(const py::type& type);

void bind_tensor(py::module_& module);

}  // namespace ckeras::bind
