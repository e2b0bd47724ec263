#include "bind/quick.h"

#include <structmember.h>

#include <algorithm>
#include <bitset>

#include "bind/array.h"
#include "bind/convert.h"
#include "bind/errors.h"
#include "bind/run.h"
#include "runtime/registry.h"

namespace ckeras::bind {
namespace {

constexpr size_t kMaxArity = 2;

// Python's classes, as `set_tensors` found them. The references are kept for ever.
struct Tensors {
  PyTypeObject* tensor = nullptr;
  PyTypeObject* variable = nullptr;
  PyObject* state = nullptr;                                         // scope.state
  Py_ssize_t array, shape, dtype, repeats;                           // where a Tensor keeps them
  PyObject *tapes, *trace, *overlay, *autocast, *value, *bool_name;  // strings
} tensors;

PyObject*& slot(PyObject* object, Py_ssize_t offset) {
  return *reinterpret_cast<PyObject**>(reinterpret_cast<char*>(object) + offset);
}

// One public function's short way.
struct Quick {
  int64_t op;
  size_t arity;
  bool gives_bool;
  std::bitset<kDTypes> takes;  // other dtypes are converted first, on the long way
};

bool is_float(DType dtype) {
  return dtype == DType::F32 || dtype == DType::F64 || dtype == DType::F16 || dtype == DType::BF16;
}

const Quick* quick_of(PyObject* self) { return static_cast<const Quick*>(PyCapsule_GetPointer(self, nullptr)); }

bool is_none(PyObject* owner, PyObject* name) {
  const auto found = py::reinterpret_steal<py::object>(PyObject_GetAttr(owner, name));
  if (!found) throw py::error_already_set();
  return found.is_none();
}

bool no_tape() {
  const auto tapes = py::reinterpret_steal<py::object>(PyObject_GetAttr(tensors.state, tensors.tapes));
  if (!tapes) throw py::error_already_set();
  return PyTuple_Check(tapes.ptr()) && PyTuple_GET_SIZE(tapes.ptr()) == 0;
}

// The concrete tensor that an operand is or, outside traces, scopes and mixed precision, a variable holds; or null.
py::object tensor_of(PyObject* operand) {
  if (Py_TYPE(operand) == tensors.tensor) return py::reinterpret_borrow<py::object>(operand);
  if (Py_TYPE(operand) != tensors.variable) return {};
  for (PyObject* ambient : {tensors.trace, tensors.overlay, tensors.autocast}) {
    if (!is_none(tensors.state, ambient)) return {};
  }
  auto held = py::reinterpret_steal<py::object>(PyObject_GetAttr(operand, tensors.value));
  if (!held) throw py::error_already_set();
  return Py_TYPE(held.ptr()) == tensors.tensor ? held : py::object();
}

// The operands of a call, as long as they are what the short way takes.
struct Operands {
  py::object tensors[kMaxArity];
  View views[kMaxArity];
  int64_t bytes = 0;

  bool take(const Quick& quick, PyObject* const* args, Py_ssize_t n) {
    if (static_cast<size_t>(n) != quick.arity) return false;
    for (size_t i = 0; i < quick.arity; ++i) {
      tensors[i] = tensor_of(args[i]);
      if (!tensors[i]) return false;
      PyObject* array = slot(tensors[i].ptr(), bind::tensors.array);
      if (array == nullptr || !is_array(array)) return false;
      views[i] = reinterpret_cast<ArrayObject*>(array)->value.view;
      if (views[i].dtype != views[0].dtype) return false;
      bytes += views[i].nbytes();
    }
    return quick.takes[static_cast<size_t>(views[0].dtype)] && no_tape();
  }
};

// A Tensor of `array`; `shape` is a tuple that equals the array's, or null.
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

PyObject* compute(const Quick& quick, const Operands& operands, std::span<const int64_t> shape, PyObject* shape_tuple,
                  std::span<const int64_t> ints) {
  Array out = Array::empty(shape, quick.gives_bool ? DType::Bool : operands.views[0].dtype);
  const std::span<const View> in{operands.views, quick.arity};
  run_step(Step(quick.op, in, {&out.view, 1}, ints, {}), in.data(), &out.view, operands.bytes + out.view.nbytes());
  PyObject* dtype = quick.gives_bool ? tensors.bool_name : slot(operands.tensors[0].ptr(), tensors.dtype);
  return new_tensor(std::move(out), shape_tuple, dtype);
}

// NumPy's rule; false when the shapes do not broadcast.
bool broadcast(const View* views, size_t n, View* out) {
  *out = views[0];
  for (size_t v = 1; v < n; ++v) {
    const View& b = views[v];
    const View a = *out;
    out->rank = std::max(a.rank, b.rank);
    for (int i = 1; i <= out->rank; ++i) {
      const int64_t x = i <= a.rank ? a.shape[a.rank - i] : 1;
      const int64_t y = i <= b.rank ? b.shape[b.rank - i] : 1;
      if (x != y && x != 1 && y != 1) return false;
      out->shape[out->rank - i] = x == 1 ? y : x;
    }
  }
  return true;
}

bool equal_shapes(const View& a, const View& b) {
  return a.rank == b.rank && std::equal(a.shape, a.shape + a.rank, b.shape);
}

PyObject* elementwise(const Quick& quick, const Operands& operands) {
  View out;
  if (!broadcast(operands.views, quick.arity, &out)) return nullptr;
  PyObject* tuple = nullptr;
  for (size_t i = 0; i < quick.arity && !tuple; ++i) {
    if (equal_shapes(out, operands.views[i])) tuple = slot(operands.tensors[i].ptr(), tensors.shape);
  }
  return compute(quick, operands, {out.shape, static_cast<size_t>(out.rank)}, tuple, {});
}

PyObject* matmul(const Quick& quick, const Operands& operands) {
  const View &a = operands.views[0], &b = operands.views[1];
  if (a.rank != 2 || b.rank != 2 || a.shape[1] != b.shape[0]) return nullptr;
  const int64_t shape[] = {a.shape[0], b.shape[1]};
  static constexpr int64_t kPlain[] = {0, 0, 0, 0};  // no transposes, activation, residual
  return compute(quick, operands, shape, nullptr, kPlain);
}

template <PyObject* (*way)(const Quick&, const Operands&)>
PyObject* entry(PyObject* self, PyObject* const* args, Py_ssize_t n) {
  try {
    Operands operands;
    const Quick& quick = *quick_of(self);
    PyObject* result = operands.take(quick, args, n) ? way(quick, operands) : nullptr;
    return result ? result : Py_NewRef(Py_None);
  } catch (const FaultError&) {
    return Py_NewRef(Py_None);  // the long way meets it again, and explains
  } catch (...) {
    set_python_error();
    return nullptr;
  }
}

template <PyObject* (*way)(const Quick&, const Operands&)>
PyMethodDef kEntry = {"quick", reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(entry<way>)), METH_FASTCALL,
                      "The result as a Tensor, or None when the long way must be gone."};

py::object make(PyMethodDef* entry, int64_t op, int64_t arity, bool floats_only, bool gives_bool) {
  if (op < 0 || op >= static_cast<int64_t>(ops().size())) throw py::value_error("quick: op is no id of op_table()");
  if (arity < 1 || arity > static_cast<int64_t>(kMaxArity)) throw py::value_error("quick: arity must be 1 or 2");
  auto* kept = new Quick{op, static_cast<size_t>(arity), gives_bool, {}};
  for (int d = 0; d < kDTypes; ++d) {
    const auto dtype = static_cast<DType>(d);
    kept->takes[static_cast<size_t>(d)] =
        ops()[static_cast<size_t>(op)].allows(dtype) && (!floats_only || is_float(dtype));
  }
  const py::capsule self(kept, [](void* p) { delete static_cast<Quick*>(p); });
  return py::reinterpret_steal<py::object>(PyCFunction_NewEx(entry, self.ptr(), nullptr));
}

Py_ssize_t offset_of(const py::object& type, const char* name) {
  const py::object member = type.attr("__dict__")[name];
  if (Py_TYPE(member.ptr()) != &PyMemberDescr_Type) type_mismatch(name, "a slot of Tensor", member.ptr());
  return reinterpret_cast<PyMemberDescrObject*>(member.ptr())->d_member->offset;
}

PyTypeObject* kept_type(const py::type& type) {
  return reinterpret_cast<PyTypeObject*>(py::object(type).release().ptr());
}

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
  tensors.value = interned("_tensor");
  tensors.bool_name = interned("bool");
  tensors.variable = kept_type(variable);
  tensors.tensor = kept_type(tensor);
}

}  // namespace

void bind_quick(py::module_& module) {
  module.def("set_tensors", set_tensors, py::arg("tensor"), py::arg("variable"), py::arg("state"),
             "The classes that quick calls take and make, and the ambient state that they ask.");
  module.def(
      "quick_elementwise",
      [](int64_t op, int64_t arity, bool floats_only, bool gives_bool) {
        return make(&kEntry<elementwise>, op, arity, floats_only, gives_bool);
      },
      py::arg("op"), py::arg("arity"), py::arg("floats_only"), py::arg("gives_bool"),
      "A function of `arity` tensors that gives the result of an elementwise op, or None when it does not take them.");
  module.def(
      "quick_matmul", [](int64_t op) { return make(&kEntry<matmul>, op, 2, true, false); }, py::arg("op"),
      "A function of two tensors that gives the product of two float matrices, or None when they are something else.");
}

}  // namespace ckeras::bind
