#include "bind/quick.h"

#include <structmember.h>

#include <algorithm>
#include <bitset>
#include <cstring>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "bind/array.h"
#include "bind/convert.h"
#include "bind/errors.h"
#include "bind/run.h"
#include "runtime/program.h"
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

// ---- calls that were made before

constexpr size_t kMaxWords = 64, kMaxTensors = 16;
constexpr int64_t kMaxBytes =
    64 * 1024;                        // of the tensors of a call; the work outweighs the way to it where they are more
constexpr uint32_t kLearnAfter = 16;  // calls of a signature; learning it costs about as much as fifty calls
constexpr size_t kMaxReplays = 4096;

// What the result of a call depends on besides values: shapes and dtypes of its tensors, and all else that it was
// given.
class Signature {
 public:
  size_t n_words = 0, n_tensors = 0;
  std::array<uint64_t, kMaxWords> words;
  std::array<py::object, kMaxTensors> held;  // the concrete tensors, in order
  int64_t bytes = 0;

  // False for what has no signature: it is too long, or holds arrays, functions, traced or symbolic values...
  bool take(uint64_t function, PyObject* const* args, Py_ssize_t n, PyObject* names) {
    put(function);
    const Py_ssize_t n_names = names ? PyTuple_GET_SIZE(names) : 0;
    for (Py_ssize_t i = 0; i < n + n_names; ++i) {
      if (i >= n && !append(PyTuple_GET_ITEM(names, i - n), 0)) return false;
      if (!append(args[i], 0)) return false;
    }
    return true;
  }

  uint64_t hash() const {
    uint64_t h = n_words;
    for (size_t i = 0; i < n_words; ++i) {
      h = (h ^ words[i]) * 0x9e3779b97f4a7c15u;
      h ^= h >> 29;
    }
    return h;
  }

 private:
  enum Tag : uint64_t { kTensor = 1, kInt, kFloat, kString, kNone, kTrue, kFalse, kEllipsis, kSlice, kTuple, kList };

  bool put(uint64_t word) {
    if (n_words == kMaxWords) return false;
    words[n_words++] = word;
    return true;
  }
  bool put(Tag tag, uint64_t more) { return put(tag | more << 8); }

  bool append(PyObject* x, int depth) {
    if (x == Py_None) return put(kNone);
    if (x == Py_True) return put(kTrue);
    if (x == Py_False) return put(kFalse);
    if (x == Py_Ellipsis) return put(kEllipsis);
    if (PyLong_CheckExact(x)) {
      int overflow = 0;
      const long long value = PyLong_AsLongLongAndOverflow(x, &overflow);
      return !overflow && put(kInt) && put(static_cast<uint64_t>(value));
    }
    if (PyUnicode_CheckExact(x)) return append_string(x);
    if (PyFloat_CheckExact(x)) {
      uint64_t bits;
      const double value = PyFloat_AS_DOUBLE(x);
      std::memcpy(&bits, &value, sizeof bits);
      return depth == 0 && put(kFloat) && put(bits);  // a list of floats is data
    }
    if (PySlice_Check(x)) {
      const auto* slice = reinterpret_cast<PySliceObject*>(x);
      return depth < 2 && put(kSlice) && append(slice->start, 2) && append(slice->stop, 2) && append(slice->step, 2);
    }
    if (PyTuple_CheckExact(x)) return append_items(x, kTuple, depth);
    if (PyList_CheckExact(x)) return append_items(x, kList, depth);
    return append_tensor(x);
  }

  bool append_items(PyObject* x, Tag tag, int depth) {
    if (depth == 3 || !put(tag, static_cast<uint64_t>(PySequence_Fast_GET_SIZE(x)))) return false;
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(x); ++i) {
      if (!append(PySequence_Fast_GET_ITEM(x, i), depth + 1)) return false;
    }
    return true;
  }

  bool append_string(PyObject* x) {
    Py_ssize_t length = 0;
    const char* text = PyUnicode_AsUTF8AndSize(x, &length);
    if (!text) PyErr_Clear();  // half of a surrogate pair
    if (!text || !put(kString, static_cast<uint64_t>(length))) return false;
    for (Py_ssize_t at = 0; at < length; at += 8) {
      uint64_t word = 0;
      std::memcpy(&word, text + at, static_cast<size_t>(std::min<Py_ssize_t>(8, length - at)));
      if (!put(word)) return false;
    }
    return true;
  }

  bool append_tensor(PyObject* x) {
    if (n_tensors == kMaxTensors) return false;
    py::object tensor = tensor_of(x);
    PyObject* array = tensor ? slot(tensor.ptr(), tensors.array) : nullptr;
    if (!array || !is_array(array)) return false;
    const View& view = reinterpret_cast<ArrayObject*>(array)->value.view;
    bytes += view.nbytes();
    if (bytes > kMaxBytes) return false;
    put(kTensor, static_cast<uint64_t>(view.dtype) | static_cast<uint64_t>(view.rank) << 8);
    for (int d = 0; d < view.rank; ++d) put(static_cast<uint64_t>(view.shape[d]));
    held[n_tensors++] = std::move(tensor);
    return n_words < kMaxWords;
  }
};

// What a call of a signature does: run a program, and make tensors of what it gives.
struct Replay {
  struct Leaf {
    int64_t number;  // of an output of the program; -1: `given`; else an argument, -2 - number
    py::object shape, dtype, given;
    View view;  // the shape again
  };
  std::vector<uint64_t> words;
  const PyTypeObject* tensor;  // the class that was short then
  py::object owner;            // of `program`
  Program* program = nullptr;  // none: the leaves are there already
  int64_t bytes = 0;
  int container = 0;         // 0: one leaf, 1: a list, 2: a tuple
  std::vector<Leaf> leaves;  // none where there is nothing to learn
};

struct Replays {
  struct Seen {
    uint64_t hash;
    uint32_t count;
  };
  std::unordered_map<uint64_t, std::shared_ptr<const Replay>> known;
  std::array<Seen, 1024> seen;  // lately, each place kept by the last that came to it
  uint32_t learn_after = kLearnAfter;
};

Replays& replays() {
  static auto* kept = new Replays();  // for ever: it holds Python objects
  return *kept;
}

void forget_replays() { replays().known.clear(); }

bool due(uint64_t hash) {
  Replays::Seen& seen = replays().seen[hash % replays().seen.size()];
  if (seen.hash != hash) seen = {hash, 0};
  return ++seen.count >= replays().learn_after;
}

// Asks `learn(args, names, tensors)`, whose answer is None (not now), False (never) or (program, bytes, container,
// leaves).
void learn(PyObject* ask, const Signature& call, uint64_t hash, PyObject* const* args, Py_ssize_t n, PyObject* names) {
  const Py_ssize_t n_all = n + (names ? PyTuple_GET_SIZE(names) : 0);
  py::tuple all(n_all), held(call.n_tensors);
  for (Py_ssize_t i = 0; i < n_all; ++i) all[i] = py::reinterpret_borrow<py::object>(args[i]);
  for (size_t i = 0; i < call.n_tensors; ++i) held[i] = call.held[i];
  const auto known_names = names ? py::reinterpret_borrow<py::object>(names) : py::tuple();
  const py::object answer = py::reinterpret_borrow<py::object>(ask)(all, known_names, held);
  if (answer.is_none()) return;
  auto made = std::make_shared<Replay>();
  made->words.assign(call.words.begin(), call.words.begin() + static_cast<std::ptrdiff_t>(call.n_words));
  made->tensor = tensors.tensor;
  if (PyTuple_Check(answer.ptr())) {
    const Items fields(answer.ptr(), "learn: the answer"), leaves(fields[3], "learn: leaves");
    made->owner = py::reinterpret_borrow<py::object>(fields[0]);
    made->program = made->owner.is_none() ? nullptr : py::cast<Program*>(made->owner);
    made->bytes = to_int(fields[1], "learn: bytes");
    made->container = static_cast<int>(to_int(fields[2], "learn: container"));
    for (size_t i = 0; i < leaves.size(); ++i) {
      const Items leaf(leaves[i], "learn: a leaf");
      const auto part = [&](size_t k) { return py::reinterpret_borrow<py::object>(leaf[k]); };
      const View view = checked_view(to_ints(leaf[1], "learn: shape").span(), DType::F32);
      made->leaves.push_back({to_int(leaf[0], "learn: number"), part(1), part(2), part(3), view});
    }
  }
  if (replays().known.size() >= kMaxReplays) {  // signatures that come and go are not worth so much
    forget_replays();
    replays().learn_after *= 2;
  }
  replays().known[hash] = std::move(made);
}

PyObject* leaf_tensor(const Replay::Leaf& leaf, const Signature& call, const std::vector<Array>& outputs) {
  if (leaf.number >= 0) {
    Array array = outputs[static_cast<size_t>(leaf.number)];
    array.view.rank = leaf.view.rank;
    std::copy_n(leaf.view.shape, leaf.view.rank, array.view.shape);
    return new_tensor(std::move(array), leaf.shape.ptr(), leaf.dtype.ptr());
  }
  if (leaf.number < -1) return Py_NewRef(call.held[static_cast<size_t>(-2 - leaf.number)].ptr());
  PyObject* given = leaf.given.ptr();
  PyObject* made = new_tensor(Array(reinterpret_cast<ArrayObject*>(slot(given, tensors.array))->value),
                              leaf.shape.ptr(), leaf.dtype.ptr());
  Py_SETREF(slot(made, tensors.repeats), Py_NewRef(slot(given, tensors.repeats)));
  return made;
}

PyObject* replay(const Replay& known, const Signature& call) {
  std::array<Array, kMaxTensors> inputs;
  for (size_t i = 0; i < call.n_tensors; ++i) {
    inputs[i] = reinterpret_cast<ArrayObject*>(slot(call.held[i].ptr(), tensors.array))->value;
  }
  std::vector<Array> outputs;
  if (known.program) {
    std::optional<py::gil_scoped_release> release;
    if (call.bytes + known.bytes >= kReleaseGilBytes) release.emplace();
    outputs = known.program->run({inputs.data(), call.n_tensors});
  }
  if (known.container == 0) return leaf_tensor(known.leaves[0], call, outputs);
  const auto n = static_cast<Py_ssize_t>(known.leaves.size());
  auto result = py::reinterpret_steal<py::object>(known.container == 1 ? PyList_New(n) : PyTuple_New(n));
  if (!result) throw py::error_already_set();
  for (Py_ssize_t i = 0; i < n; ++i) {
    PyObject* made = leaf_tensor(known.leaves[static_cast<size_t>(i)], call, outputs);
    known.container == 1 ? PyList_SET_ITEM(result.ptr(), i, made) : PyTuple_SET_ITEM(result.ptr(), i, made);
  }
  return result.release().ptr();
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
    Signature call;
    if (!call.take(way.number, args, n, names) || !no_tape()) return Py_NewRef(Py_None);
    const uint64_t hash = call.hash();
    const auto found = replays().known.find(hash);
    if (found == replays().known.end()) {
      if (due(hash)) learn(way.learn.ptr(), call, hash, args, n, names);
      return Py_NewRef(Py_None);
    }
    const std::shared_ptr<const Replay> known = found->second;
    if (known->leaves.empty() || known->tensor != tensors.tensor ||
        !std::equal(known->words.begin(), known->words.end(), call.words.begin(), call.words.begin() + call.n_words)) {
      return Py_NewRef(Py_None);
    }
    return replay(*known, call);
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
  module.def("short_way", short_way, py::arg("learn"), py::arg("fixed"),
             "A function that gives what a call of a learnt signature gives, or None. `fixed`, unless None, is tried "
             "first; `learn(args, names, tensors)` tells what a signature does once it came often enough.");
  module.def("forget_replays", forget_replays, "Forgets what short ways have learnt: settings changed.");
}

}  // namespace ckeras::bind
