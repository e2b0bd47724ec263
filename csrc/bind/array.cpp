#include "bind/array.h"

#include <pybind11/numpy.h>

#include <cstring>
#include <new>

#include "bind/convert.h"
#include "bind/dlpack.h"

namespace ckeras::bind {

PyTypeObject* array_type = nullptr;

namespace {

constexpr int kNumpyHalf = 23;  // NPY_HALF

ArrayObject* cast(PyObject* self) { return reinterpret_cast<ArrayObject*>(self); }

void dealloc(PyObject* self) {
  PyTypeObject* type = Py_TYPE(self);
  cast(self)->value.~Array();
  Py_XDECREF(cast(self)->shape);
  type->tp_free(self);
  Py_DECREF(type);
}

PyGetSetDef kProperties[] = {
    {"shape", [](PyObject* self, void*) { return Py_NewRef(cast(self)->shape); }, nullptr, "Tuple of int.", nullptr},
    {"dtype", [](PyObject* self, void*) { return PyLong_FromLong(static_cast<long>(cast(self)->value.view.dtype)); },
     nullptr, "Dtype code: an index into DTYPES.", nullptr},
    {"nbytes", [](PyObject* self, void*) { return PyLong_FromLongLong(cast(self)->value.view.nbytes()); }, nullptr,
     "Bytes of the elements.", nullptr},
    {},
};

// By DType: the Python number at `data`. Halves have none: NumPy's are their numbers.
template <class T>
PyObject* number(const void* data) {
  const T value = *static_cast<const T*>(data);
  if constexpr (std::is_same_v<T, bool>) return PyBool_FromLong(value);
  if constexpr (std::is_floating_point_v<T>) return PyFloat_FromDouble(static_cast<double>(value));
  if constexpr (std::is_unsigned_v<T>) return PyLong_FromUnsignedLongLong(value);
  return PyLong_FromLongLong(static_cast<long long>(value));
}

constexpr PyObject* (*kNumbers[kDTypes])(const void*) = {
    number<bool>,    number<int8_t>,   number<int16_t>,  number<int32_t>,  number<int64_t>,
    number<uint8_t>, number<uint16_t>, number<uint32_t>, number<uint64_t>, nullptr,
    nullptr,         number<float>,    number<double>};

PyObject* item(PyObject* self, PyObject*) {
  const View& view = cast(self)->value.view;
  const auto made = kNumbers[static_cast<int>(view.dtype)];
  return made && view.size() == 1 ? made(view.data) : Py_NewRef(Py_None);
}

PyMethodDef kMethods[] = {
    {"item", item, METH_NOARGS,
     "item($self, /)\n--\n\nThe one element as a Python number; None for several, and for halves."},
    {},
};

PyType_Slot kSlots[] = {
    {Py_tp_doc, const_cast<char*>("A contiguous row-major array in the engine's memory; never changes once made.")},
    {Py_tp_dealloc, reinterpret_cast<void*>(dealloc)},
    {Py_tp_getset, kProperties},
    {Py_tp_methods, kMethods},
    {},
};

PyType_Spec kSpec = {"ckeras._engine.Array", sizeof(ArrayObject), 0,
                     Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION, kSlots};

PyObject* shape_tuple(const View& view) {
  PyObject* tuple = PyTuple_New(view.rank);
  for (int i = 0; tuple && i < view.rank; ++i) {
    PyObject* dim = PyLong_FromLongLong(view.shape[i]);
    if (!dim) {
      Py_DECREF(tuple);
      return nullptr;
    }
    PyTuple_SET_ITEM(tuple, i, dim);
  }
  return tuple;
}

// Indexed by DType: NumPy's type number and kind. NumPy has no bfloat16: it is shown as its bits.
struct NumpyType {
  int number;
  char kind;
};
using Numpy = py::detail::npy_api;
constexpr NumpyType kNumpyTypes[kDTypes] = {
    {Numpy::NPY_BOOL_, 'b'},   {Numpy::NPY_INT8_, 'i'},  {Numpy::NPY_INT16_, 'i'},  {Numpy::NPY_INT32_, 'i'},
    {Numpy::NPY_INT64_, 'i'},  {Numpy::NPY_UINT8_, 'u'}, {Numpy::NPY_UINT16_, 'u'}, {Numpy::NPY_UINT32_, 'u'},
    {Numpy::NPY_UINT64_, 'u'}, {kNumpyHalf, 'f'},        {Numpy::NPY_UINT16_, 'V'}, {Numpy::NPY_FLOAT_, 'f'},
    {Numpy::NPY_DOUBLE_, 'f'}};

DType engine_dtype(const py::dtype& dtype) {
  for (int d = 0; d < kDTypes; ++d) {
    if (dtype.kind() == kNumpyTypes[d].kind && dtype.itemsize() == kDTypeSizes[d] &&
        d != static_cast<int>(DType::BF16)) {
      return static_cast<DType>(d);
    }
  }
  const auto name = py::cast<std::string>(dtype.attr("name"));
  if (name == name_of(DType::BF16)) return DType::BF16;
  throw py::type_error("arrays of NumPy dtype '" + name + "' are not supported; convert with astype, e.g. to float32");
}

std::vector<int64_t> shape_of(const py::array& array) { return {array.shape(), array.shape() + array.ndim()}; }

// Runs wherever the last reference goes: maybe in a thread without the GIL, maybe after Python has gone.
void release_python_object(void* object) noexcept {
  if (!Py_IsInitialized()) return;
  const PyGILState_STATE state = PyGILState_Ensure();
  Py_DECREF(static_cast<PyObject*>(object));
  PyGILState_Release(state);
}

py::object to_numpy(const py::object& self, const py::object& dtype, bool writable) {
  const Array& value = as_array(self.ptr(), "numpy: self");
  py::dtype type(kNumpyTypes[static_cast<int>(value.view.dtype)].number);
  if (!dtype.is_none()) {
    type = py::dtype::from_args(dtype);
    if (type.itemsize() != size_of(value.view.dtype)) {
      throw py::value_error("numpy: dtype must have the " + std::to_string(size_of(value.view.dtype)) + " bytes of " +
                            name_of(value.view.dtype) + ", got " + std::to_string(type.itemsize()));
    }
  }
  const View& view = value.view;
  py::array result(type, std::vector<py::ssize_t>(view.shape, view.shape + view.rank), view.data, self);
  if (!writable) py::detail::array_proxy(result.ptr())->flags &= ~Numpy::NPY_ARRAY_WRITEABLE_;
  return result;
}

template <class F, class... Args>
void method(const char* name, F&& function, const Args&... args) {
  py::handle type(reinterpret_cast<PyObject*>(array_type));
  py::setattr(type, name, py::cpp_function(std::forward<F>(function), py::name(name), py::is_method(type), args...));
}

}  // namespace

py::object from_numpy(const py::object& object, bool copy) {
  if (!py::isinstance<py::array>(object)) type_mismatch("from_numpy: array", "a numpy.ndarray", object.ptr());
  auto array = py::reinterpret_borrow<py::array>(object);
  const DType dtype = engine_dtype(array.dtype());
  if (array.dtype().byteorder() == '>') array = array.attr("astype")(array.dtype().attr("newbyteorder")("="));
  const int required = Numpy::NPY_ARRAY_C_CONTIGUOUS_ | Numpy::NPY_ARRAY_ALIGNED_;
  if ((array.flags() & required) != required) {
    array = py::module_::import("numpy").attr("array")(array, py::arg("order") = "C");
  }
  View view = checked_view(shape_of(array), dtype);
  view.data = const_cast<void*>(array.data());
  if (copy) return to_python(Array::copy_of(view));
  Array result{Storage::external(view.data, view.nbytes(), array.ptr(), release_python_object), view};
  array.release();  // the storage owns the reference now
  return to_python(std::move(result));
}

std::optional<View> numpy_view(PyObject* object) {
  const auto& numpy = Numpy::get();
  if (!numpy.PyArray_Check_(object)) return std::nullopt;
  const auto* array = py::detail::array_proxy(object);
  const int required = Numpy::NPY_ARRAY_C_CONTIGUOUS_ | Numpy::NPY_ARRAY_ALIGNED_;
  const auto* type = py::detail::array_descriptor_proxy(array->descr);
  if ((array->flags & required) != required || type->byteorder == '>') return std::nullopt;
  for (int d = 0; d < kDTypes; ++d) {
    if (type->type_num != kNumpyTypes[d].number || d == static_cast<int>(DType::BF16)) continue;
    View view = checked_view({array->dimensions, array->dimensions + array->nd}, static_cast<DType>(d));
    view.data = array->data;
    return view;
  }
  return std::nullopt;
}

PyObject* new_array(Array&& value, PyObject* shape) {
  shape = shape ? Py_NewRef(shape) : shape_tuple(value.view);
  if (!shape) throw py::error_already_set();
  auto* self = cast(array_type->tp_alloc(array_type, 0));
  if (!self) {
    Py_DECREF(shape);
    throw py::error_already_set();
  }
  new (&self->value) Array(std::move(value));
  self->shape = shape;
  return reinterpret_cast<PyObject*>(self);
}

const Array& as_array(PyObject* object, const char* what) {
  if (!is_array(object)) type_mismatch(what, "an Array", object);
  return cast(object)->value;
}

void bind_array(py::module_& module) {
  array_type = reinterpret_cast<PyTypeObject*>(PyType_FromSpec(&kSpec));
  if (!array_type) throw py::error_already_set();
  py::handle type(reinterpret_cast<PyObject*>(array_type));
  module.add_object("Array", type);

  const auto statics = [&](const char* name, py::cpp_function function) {
    py::setattr(type, name, py::reinterpret_steal<py::object>(PyStaticMethod_New(function.ptr())));
  };
  statics("from_numpy",
          py::cpp_function(from_numpy, py::name("from_numpy"), py::arg("array"), py::arg("copy") = false,
                           "An Array of a NumPy array's values. Without `copy` it shares the memory where "
                           "layout allows and keeps the NumPy array alive."));
  statics("empty", py::cpp_function(
                       [](const py::object& shape, const py::object& dtype) {
                         return to_python(Array::empty(to_ints(shape.ptr(), "empty: shape").span(),
                                                       to_dtype(dtype.ptr(), "empty: dtype")));
                       },
                       py::name("empty"), py::arg("shape"), py::arg("dtype"), "An Array with undefined contents."));
  statics("from_dlpack", py::cpp_function(from_dlpack, py::name("from_dlpack"), py::arg("capsule"),
                                          "An Array that shares the memory of a DLPack capsule (CPU, contiguous)."));
  method("numpy", to_numpy, py::arg("dtype") = py::none(), py::arg("writable") = false,
         "A NumPy view, read only unless `writable`, which is for memory that nobody else holds; bfloat16 as uint16 "
         "bits, or as `dtype`.");
  method(
      "reshape",
      [](const py::object& self, const py::object& shape) {
        return to_python(as_array(self.ptr(), "self").reshape(to_ints(shape.ptr(), "reshape: shape").span()));
      },
      py::arg("shape"), "The same elements in another shape; shares the memory.");
  method(
      "slice0",
      [](const py::object& self, const py::object& start, const py::object& stop) {
        return to_python(as_array(self.ptr(), "self")
                             .slice0(to_int(start.ptr(), "slice0: start"), to_int(stop.ptr(), "slice0: stop")));
      },
      py::arg("start"), py::arg("stop"), "Elements start to stop of the first axis; shares the memory.");
  method(
      "to_dlpack",
      [](const py::object& self, bool versioned) { return to_dlpack(as_array(self.ptr(), "self"), versioned); },
      py::arg("versioned") = true,
      "A DLPack capsule: versioned, it shares the memory and says that it is read only; unversioned, it holds a copy.");
}

}  // namespace ckeras::bind
