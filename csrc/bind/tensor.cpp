#include "bind/tensor.h"

#include <structmember.h>

#include "bind/convert.h"

namespace ckeras::bind {

TensorTypes tensors;

py::object attribute(PyObject* owner, PyObject* name) {
  auto found = py::reinterpret_steal<py::object>(PyObject_GetAttr(owner, name));
  if (!found) throw py::error_already_set();
  return found;
}

py::object active_tapes() {
  py::object tapes = attribute(tensors.state, tensors.tapes);
  if (!PyTuple_Check(tapes.ptr())) type_mismatch("state.tapes", "a tuple", tapes.ptr());
  return tapes;
}

py::object tensor_of(PyObject* operand, bool taped) {
  if (Py_TYPE(operand) == tensors.tensor) return py::reinterpret_borrow<py::object>(operand);
  if (Py_TYPE(operand) != tensors.variable) return {};
  for (PyObject* ambient : {tensors.trace, tensors.overlay, tensors.autocast}) {
    if (!attribute(tensors.state, ambient).is_none()) return {};
  }
  py::object held = attribute(operand, taped ? tensors.value : tensors.stored);
  return Py_TYPE(held.ptr()) == tensors.tensor ? held : py::object();
}

PyObject* new_tensor(Array&& array, PyObject* shape, PyObject* dtype) {
  auto inner = py::reinterpret_steal<py::object>(new_array(std::move(array), shape));
  PyObject* made = tensors.tensor->tp_alloc(tensors.tensor, 0);
  if (!inner || !made) throw py::error_already_set();
  slot(made, tensors.shape) = Py_NewRef(reinterpret_cast<ArrayObject*>(inner.ptr())->shape);
  slot(made, tensors.array) = inner.release().ptr();
  slot(made, tensors.dtype) = Py_NewRef(dtype);
  slot(made, tensors.repeats) = Py_NewRef(Py_None);
  return made;
}

PyObject* twin_of(PyObject* tensor) {
  PyObject* made = new_tensor(Array(*array_of(tensor)), slot(tensor, tensors.shape), slot(tensor, tensors.dtype));
  Py_SETREF(slot(made, tensors.repeats), Py_NewRef(slot(tensor, tensors.repeats)));
  return made;
}

Py_ssize_t offset_of(const py::object& type, const char* name) {
  const py::object member = type.attr("__dict__")[name];
  if (Py_TYPE(member.ptr()) != &PyMemberDescr_Type) type_mismatch(name, "a slot of Tensor", member.ptr());
  return reinterpret_cast<PyMemberDescrObject*>(member.ptr())->d_member->offset;
}

PyTypeObject* kept_type(const py::type& type) {
  return reinterpret_cast<PyTypeObject*>(py::object(type).release().ptr());
}

namespace {

void set_tensors(const py::type& tensor, const py::type& variable, const py::object& state) {
  tensors.array = offset_of(tensor, "_array");
  tensors.shape = offset_of(tensor, "shape");
  tensors.dtype = offset_of(tensor, "dtype");
  tensors.repeats = offset_of(tensor, "_repeats");
  tensors.state = py::object(state).release().ptr();
  const auto interned = [](const char* text) { return PyUnicode_InternFromString(text); };
  tensors.tapes = interned("tapes");
  tensors.trace = interned("trace");
  tensors.overlay = interned("overlay");
  tensors.autocast = interned("autocast");
  tensors.stored = interned("_tensor");
  tensors.value = interned("value");
  tensors.bool_name = interned("bool");
  tensors.variable = kept_type(variable);
  tensors.tensor = kept_type(tensor);
}

}  // namespace

void bind_tensor(py::module_& module) {
  module.def("set_tensors", set_tensors, py::arg("tensor"), py::arg("variable"), py::arg("state"),
             "The classes that quick calls take and make, and the ambient state that they ask.");
}

}  // namespace ckeras::bind
