#include "bind/quick.h"

#include <algorithm>
#include <bitset>
#include <memory>

#include "bind/convert.h"
#include "bind/errors.h"
#include "bind/replay.h"
#include "bind/run.h"
#include "bind/signature.h"
#include "bind/tape.h"
#include "bind/taped.h"
#include "runtime/registry.h"

namespace ckeras::bind {
namespace {

constexpr size_t kMaxArity = 2;
constexpr int64_t kMostElements = 1 << 22;  // of a result larger than its operands: `bind` may have to trace it

// One public function's short way.
struct Quick {
  int64_t op;
  size_t arity;
  bool gives_bool;
  py::object primitive;        // what tapes are told
  std::bitset<kDTypes> takes;  // other dtypes are converted first, on the long way
};

const Quick* quick_of(PyObject* self) { return static_cast<const Quick*>(PyCapsule_GetPointer(self, nullptr)); }

// The operands of a call, as long as they are what the short way takes.
struct Operands {
  py::object tensors[kMaxArity];
  View views[kMaxArity];
  int64_t bytes = 0;

  bool take(const Quick& quick, PyObject* const* args, Py_ssize_t n, bool taped) {
    if (static_cast<size_t>(n) != quick.arity) return false;
    for (size_t i = 0; i < quick.arity; ++i) {
      tensors[i] = tensor_of(args[i], taped);
      const Array* array = tensors[i] ? array_of(tensors[i].ptr()) : nullptr;
      if (!array) return false;
      views[i] = array->view;
      if (views[i].dtype != views[0].dtype) return false;
      bytes += views[i].nbytes();
    }
    return quick.takes[static_cast<size_t>(views[0].dtype)];
  }
};

// `out` gets the shape of NumPy's rule; false when the shapes do not broadcast.
bool broadcast(const View& a, const View& b, View* out) {
  out->rank = std::max(a.rank, b.rank);
  for (int i = 1; i <= out->rank; ++i) {
    const int64_t x = i <= a.rank ? a.shape[a.rank - i] : 1;
    const int64_t y = i <= b.rank ? b.shape[b.rank - i] : 1;
    if (x != y && x != 1 && y != 1) return false;
    out->shape[out->rank - i] = x == 1 ? y : x;
  }
  return true;
}

bool equal_shapes(const View& a, const View& b) {
  if (a.rank != b.rank) return false;
  for (int i = 0; i < a.rank; ++i) {
    if (a.shape[i] != b.shape[i]) return false;
  }
  return true;
}

PyObject* elementwise(const Quick& quick, const Operands& operands) {
  const View* const in = operands.views;
  View type = in[0];
  size_t like = 0;  // the operand of the result's shape
  if (quick.arity == 2 && !equal_shapes(in[0], in[1])) {
    if (!broadcast(in[0], in[1], &type)) return nullptr;
    like = equal_shapes(type, in[0]) ? 0 : equal_shapes(type, in[1]) ? 1 : kMaxArity;
    if (like == kMaxArity) {
      type = checked_view({type.shape, static_cast<size_t>(type.rank)}, type.dtype);
      if (type.size() > kMostElements) return nullptr;
    }
  }
  if (quick.gives_bool) type.dtype = DType::Bool;
  // A Step would check again what is known here, and lives longer than a call.
  Array out = Array::empty(type);
  Fault fault;
  run_briefly(operands.bytes + out.view.nbytes(), [&] {
    run_elementwise(static_cast<int>(quick.op),
                    {in, &out.view, static_cast<int32_t>(quick.arity), 1, nullptr, nullptr, 0, 0, nullptr, &fault},
                    tiles());
  });
  PyObject* const tuple = like < kMaxArity ? slot(operands.tensors[like].ptr(), tensors.shape) : nullptr;
  PyObject* const dtype = quick.gives_bool ? tensors.bool_name : slot(operands.tensors[0].ptr(), tensors.dtype);
  return new_tensor(std::move(out), tuple, dtype);
}

PyObject* matmul(const Quick& quick, const Operands& operands) {
  const View &a = operands.views[0], &b = operands.views[1];
  if (a.rank != 2 || b.rank != 2 || a.shape[1] != b.shape[0]) return nullptr;
  const int64_t shape[] = {a.shape[0], b.shape[1]};
  if (shape[0] * shape[1] > kMostElements) return nullptr;
  static constexpr int64_t kPlain[] = {0, 0, 0, 0};  // no transposes, activation, residual
  Array out = Array::empty(shape, a.dtype);
  const std::span<const View> in{operands.views, quick.arity};
  run_step(Step(static_cast<int>(quick.op), in, {&out.view, 1}, kPlain, {}), in.data(), &out.view,
           operands.bytes + out.view.nbytes());
  return new_tensor(std::move(out), nullptr, slot(operands.tensors[0].ptr(), tensors.dtype));
}

template <PyObject* (*way)(const Quick&, const Operands&)>
PyObject* entry(PyObject* self, PyObject* const* args, Py_ssize_t n) {
  try {
    Operands operands;
    const Quick& quick = *quick_of(self);
    const py::object tapes = active_tapes();
    const bool taped = !none_of(tapes);
    PyObject* result = operands.take(quick, args, n, taped) ? way(quick, operands) : nullptr;
    if (!result) return Py_NewRef(Py_None);
    if (taped) {
      const auto output = py::reinterpret_steal<py::object>(result);
      record(tapes, quick.primitive.ptr(), py::dict(), {operands.tensors, quick.arity}, {&output, 1});
      return Py_NewRef(result);
    }
    return result;
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

const OpInfo& op_of(int64_t op) {
  if (op < 0 || op >= static_cast<int64_t>(ops().size())) throw py::value_error("quick: op is no id of op_table()");
  return ops()[static_cast<size_t>(op)];
}

// What `elementwise` trusts.
void check_elementwise(int64_t op, int64_t arity, bool gives_bool) {
  const OpInfo& info = op_of(op);
  const bool of_bools = info.dtypes == 1 << static_cast<int>(DType::Bool);
  const bool fits = gives_bool ? info.result == OpResult::Bool || of_bools : info.result == OpResult::Same;
  if (info.kind == OpKind::Elementwise && info.arity == arity && fits) return;
  throw py::value_error(std::string("quick: ") + info.name + " is no elementwise op of this arity and result");
}

py::object make(PyMethodDef* entry, int64_t op, int64_t arity, bool floats_only, bool gives_bool,
                const py::object& primitive) {
  const OpInfo& info = op_of(op);
  if (arity < 1 || arity > static_cast<int64_t>(kMaxArity)) throw py::value_error("quick: arity must be 1 or 2");
  auto* kept = new Quick{op, static_cast<size_t>(arity), gives_bool, primitive, {}};
  for (int d = 0; d < kDTypes; ++d) {
    const auto dtype = static_cast<DType>(d);
    kept->takes[static_cast<size_t>(d)] = info.allows(dtype) && (!floats_only || is_float(dtype));
  }
  const py::capsule self(kept, [](void* p) { delete static_cast<Quick*>(p); });
  return py::reinterpret_steal<py::object>(PyCFunction_NewEx(entry, self.ptr(), nullptr));
}

// ---- calls that were made before

constexpr size_t kMaxWords = 64, kMaxTensors = 16;
// Of the tensors of a call; the work outweighs the way to it where they are more.
constexpr int64_t kMaxBytes = 512 * 1024;
constexpr size_t kMaxReplays = 4096;

// A call: what its result depends on besides values, and its tensors.
class Call {
 public:
  Words<kMaxWords> words;
  int64_t bytes = 0;

  // False for what has no signature: it is too long, or holds arrays, functions, traced or symbolic values...
  bool take(uint64_t function, PyObject* const* args, Py_ssize_t n, PyObject* names, bool taped) {
    taped_ = taped;
    words.put(function << 1 | taped);
    const auto tensor = [this](PyObject* x) { return take_tensor(x); };
    const Py_ssize_t n_names = names ? PyTuple_GET_SIZE(names) : 0;
    for (Py_ssize_t i = 0; i < n + n_names; ++i) {
      if (i >= n && !words.put(PyTuple_GET_ITEM(names, i - n), tensor)) return false;
      if (!words.put(args[i], tensor)) return false;
    }
    return true;
  }

  std::span<const py::object> held() const { return {held_.data(), n_held_}; }

 private:
  bool take_tensor(PyObject* x) {
    if (n_held_ == kMaxTensors) return false;
    py::object tensor = tensor_of(x, taped_);
    const Array* array = tensor ? array_of(tensor.ptr()) : nullptr;
    if (!array) return false;
    bytes += array->view.nbytes();
    if (bytes > kMaxBytes || !words.put(array->view)) return false;
    held_[n_held_++] = std::move(tensor);
    return true;
  }

  bool taped_ = false;
  size_t n_held_ = 0;
  std::array<py::object, kMaxTensors> held_;
};

Learnt<Replay>& replays() {
  static auto* kept = new Learnt<Replay>(kMaxReplays);  // for ever: it holds Python objects
  return *kept;
}

Learnt<Taped>& taped_replays() {
  static auto* kept = new Learnt<Taped>(kMaxReplays);
  return *kept;
}

void forget_replays() {
  replays().forget();
  taped_replays().forget();
  forget_backward();
}

// Asks `learn(args, names, tensors, taped)`.
py::object learn(PyObject* ask, const Call& call, PyObject* const* args, Py_ssize_t n, PyObject* names, bool taped) {
  const Py_ssize_t n_all = n + (names ? PyTuple_GET_SIZE(names) : 0);
  py::tuple all(n_all), held(call.held().size());
  for (Py_ssize_t i = 0; i < n_all; ++i) all[i] = py::reinterpret_borrow<py::object>(args[i]);
  for (size_t i = 0; i < call.held().size(); ++i) held[i] = call.held()[i];
  const auto known_names = names ? py::reinterpret_borrow<py::object>(names) : py::tuple();
  return py::reinterpret_borrow<py::object>(ask)(all, known_names, held, taped);
}

// What is known of the call, learnt now where it is time.
template <class T>
std::shared_ptr<const T> known_of(Learnt<T>& learnt, PyObject* ask, const Call& call, PyObject* const* args,
                                  Py_ssize_t n, PyObject* names) {
  const uint64_t hash = call.words.hash();
  bool seen = false;
  auto known = learnt.find(hash, call.words.span(), &seen);
  if (!seen && learnt.due(hash)) {
    learnt.add(hash, call.words.span(), learn(ask, call, args, n, names, std::is_same_v<T, Taped>));
  }
  return known;
}

// A public function's short way: the function that learns a signature, and the way that needs none, or null.
struct Short {
  py::object learn, fixed;
  uint64_t number;  // its own, also when it is gone
};

PyObject* short_entry(PyObject* self, PyObject* const* args, Py_ssize_t n, PyObject* names) {
  try {
    const auto& way = *static_cast<const Short*>(PyCapsule_GetPointer(self, nullptr));
    if (!names && way.fixed) {
      auto out = py::reinterpret_steal<py::object>(
          PyObject_Vectorcall(way.fixed.ptr(), args, static_cast<size_t>(n), nullptr));
      if (!out) throw py::error_already_set();
      if (!out.is_none()) return out.release().ptr();
    }
    Call call;
    const py::object tapes = active_tapes();
    const bool taped = !none_of(tapes);
    if (!call.take(way.number, args, n, names, taped)) return Py_NewRef(Py_None);
    if (taped) {
      const auto known = known_of(taped_replays(), way.learn.ptr(), call, args, n, names);
      return known ? replay(*known, call.held(), tapes) : Py_NewRef(Py_None);
    }
    const auto known = known_of(replays(), way.learn.ptr(), call, args, n, names);
    return known ? replay(*known, call.held(), call.bytes) : Py_NewRef(Py_None);
  } catch (const FaultError&) {
    return Py_NewRef(Py_None);  // the long way meets it again, and explains
  } catch (...) {
    set_python_error();
    return nullptr;
  }
}

PyMethodDef kShort = {"short", reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(short_entry)),
                      METH_FASTCALL | METH_KEYWORDS, "The result of a call, or None when the long way must be gone."};

py::object short_way(const py::object& learn, const py::object& fixed) {
  static uint64_t made = 0;
  auto* kept = new Short{learn, fixed.is_none() ? py::object() : fixed, ++made};
  const py::capsule self(kept, [](void* p) { delete static_cast<Short*>(p); });
  return py::reinterpret_steal<py::object>(PyCFunction_NewEx(&kShort, self.ptr(), nullptr));
}

}  // namespace

void bind_quick(py::module_& module) {
  module.def(
      "quick_elementwise",
      [](int64_t op, int64_t arity, bool floats_only, bool gives_bool, const py::object& primitive) {
        check_elementwise(op, arity, gives_bool);
        return make(&kEntry<elementwise>, op, arity, floats_only, gives_bool, primitive);
      },
      py::arg("op"), py::arg("arity"), py::arg("floats_only"), py::arg("gives_bool"), py::arg("primitive"),
      "A function of `arity` tensors that gives the result of an elementwise op, or None when it does not take them. "
      "Tapes "
      "are told of `primitive`.");
  module.def(
      "quick_matmul",
      [](int64_t op, const py::object& primitive) { return make(&kEntry<matmul>, op, 2, true, false, primitive); },
      py::arg("op"), py::arg("primitive"),
      "A function of two tensors that gives the product of two float matrices, or None when they are something else.");
  module.def("short_way", short_way, py::arg("learn"), py::arg("fixed"),
             "A function that gives what a call of a learnt signature gives, or None. `fixed`, unless None, is tried "
             "first; `learn(args, names, tensors, taped)` tells what a signature does once it came often enough.");
  module.def("forget_replays", forget_replays, "Forgets what short ways have learnt: settings changed.");
}

}  // namespace ckeras::bind
