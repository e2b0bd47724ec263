// Python arguments to C++ values. Every function throws a Python TypeError, ValueError or OverflowError that names the
// argument.
#pragma once
#include <pybind11/pybind11.h>

#include <array>
#include <span>
#include <string>
#include <vector>

#include "base/view.h"

namespace ckeras::bind {

namespace py = pybind11;

[[noreturn]] inline void type_mismatch(const char* what, const char* expected, PyObject* got) {
  throw py::type_error(std::string(what) + " must be " + expected + ", got " + Py_TYPE(got)->tp_name);
}

// A sequence that lives on the stack when it is short.
template <class T, size_t N>
class Buffer {
 public:
  explicit Buffer(size_t n) : size_(n) {
    if (n > N) heap_.resize(n);
  }
  T* data() { return size_ > N ? heap_.data() : local_.data(); }
  const T* data() const { return size_ > N ? heap_.data() : local_.data(); }
  T& operator[](size_t i) { return data()[i]; }
  size_t size() const { return size_; }
  std::span<const T> span() const { return {data(), size_}; }

 private:
  size_t size_;
  std::array<T, N> local_;
  std::vector<T> heap_;
};

inline int64_t to_int(PyObject* object, const char* what) {
  if (!PyIndex_Check(object)) type_mismatch(what, "an int", object);
  const long long value =
      PyLong_Check(object) ? PyLong_AsLongLong(object) : PyNumber_AsSsize_t(object, PyExc_OverflowError);
  if (value == -1 && PyErr_Occurred()) throw py::error_already_set();
  return value;
}

inline double to_double(PyObject* object, const char* what) {
  const double value = PyFloat_AsDouble(object);
  if (value == -1.0 && PyErr_Occurred()) {
    PyErr_Clear();
    type_mismatch(what, "a float", object);
  }
  return value;
}

inline DType to_dtype(PyObject* object, const char* what) {
  const int64_t code = to_int(object, what);
  if (code < 0 || code >= kDTypes) {
    throw py::value_error(std::string(what) + " must be a dtype code from 0 to " + std::to_string(kDTypes - 1) +
                          ", got " + std::to_string(code));
  }
  return static_cast<DType>(code);
}

// The items of a tuple; of a list, those it had when it was given (a list may change under us while items convert).
class Items {
 public:
  Items(PyObject* object, const char* what) {
    if (PyTuple_Check(object)) {
      tuple_ = py::reinterpret_borrow<py::object>(object);
    } else if (PyList_Check(object)) {
      tuple_ = py::reinterpret_steal<py::object>(PyList_AsTuple(object));
    } else {
      type_mismatch(what, "a tuple", object);
    }
  }
  size_t size() const { return static_cast<size_t>(PyTuple_GET_SIZE(tuple_.ptr())); }
  PyObject* operator[](size_t i) const { return PyTuple_GET_ITEM(tuple_.ptr(), static_cast<Py_ssize_t>(i)); }

 private:
  py::object tuple_;
};

using Ints = Buffer<int64_t, 32>;
using Floats = Buffer<double, 8>;

inline Ints to_ints(PyObject* object, const char* what) {
  const Items items(object, what);
  Ints values(items.size());
  for (size_t i = 0; i < values.size(); ++i) values[i] = to_int(items[i], what);
  return values;
}

inline Floats to_floats(PyObject* object, const char* what) {
  const Items items(object, what);
  Floats values(items.size());
  for (size_t i = 0; i < values.size(); ++i) values[i] = to_double(items[i], what);
  return values;
}

}  // namespace ckeras::bind
