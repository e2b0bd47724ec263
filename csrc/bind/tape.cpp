#include "bind/tape.h"

#include <array>
#include <vector>

#include "bind/convert.h"
#include "bind/errors.h"
#include "bind/replay.h"
#include "bind/signature.h"
#include "runtime/step.h"

namespace ckeras::bind {
namespace {

// Python's classes, as `set_tape` found them. The references are kept for ever.
struct TapeTypes {
  PyTypeObject *tape = nullptr, *record = nullptr;
  Py_ssize_t primitive = 0, inputs = 0, attrs = 0, outputs = 0, needs = 0;  // where a record keeps them
  PyObject *tracked, *records, *told;                                       // strings
} types;

void check(int status) {
  if (status < 0) throw py::error_already_set();
}

// A tape keeps tensors by their id.
py::object id_of(PyObject* tensor) {
  auto id = py::reinterpret_steal<py::object>(PyLong_FromVoidPtr(tensor));
  if (!id) throw py::error_already_set();
  return id;
}

py::tuple tuple_of(std::span<const py::object> items) {
  py::tuple made(items.size());
  for (size_t i = 0; i < items.size(); ++i) made[i] = items[i];
  return made;
}

PyObject* new_record(PyObject* primitive, const py::object& inputs, const py::object& attrs,
                     const py::object& outputs) {
  PyObject* made = types.record->tp_alloc(types.record, 0);
  if (!made) throw py::error_already_set();
  slot(made, types.primitive) = Py_NewRef(primitive);
  slot(made, types.inputs) = Py_NewRef(inputs.ptr());
  slot(made, types.attrs) = Py_NewRef(attrs.ptr());
  slot(made, types.outputs) = Py_NewRef(outputs.ptr());
  slot(made, types.needs) = PyTuple_New(0);
  return made;
}

// ---- backward passes that were made before

constexpr size_t kTapeRecords = 96, kTapeTensors = 256, kTapeWords = 2048;
constexpr int64_t kTapeBytes = 1 << 20;  // of the tensors; the work outweighs the way to it where they are more
constexpr size_t kTapePrograms = 64;     // each may hold memory between calls

Learnt<Replay>& passes() {
  static auto* kept = new Learnt<Replay>(kTapePrograms);  // for ever: it holds Python objects
  return *kept;
}

// The tensors of a backward pass, numbered as they come.
class Numbers {
 public:
  struct Entry {
    PyObject* tensor = nullptr;
    int32_t number = -1;   // none yet
    bool reached = false;  // a gradient may flow from it to what is asked for
  };

  // The tensor's own; null where there are too many.
  Entry* of(PyObject* tensor) {
    size_t at = (reinterpret_cast<uintptr_t>(tensor) >> 4) * 0x9e3779b97f4a7c15u >> (64 - kBits);
    while (table_[at].tensor != tensor) {
      if (!table_[at].tensor) {
        if (++n_ > table_.size() / 2) return nullptr;
        table_[at].tensor = tensor;
        break;
      }
      at = (at + 1) % table_.size();
    }
    return &table_[at];
  }

 private:
  static constexpr int kBits = 10;
  std::array<Entry, 1 << kBits> table_{};
  size_t n_ = 0;
};

class Backward {
 public:
  std::vector<PyObject*> path;  // the records between the targets and what is asked for
  std::vector<py::object> held;
  int64_t bytes = 0;
  Words<kTapeWords> words;

  // False for a pass without a signature.
  bool take(PyObject* records, PyObject* targets, PyObject* seeds, PyObject* wanted) {
    return reach(wanted) && walk(records) && take_records() && take_tensors(targets) && take_tensors(seeds) &&
           take_tensors(wanted);
  }

 private:
  bool reach(PyObject* wanted) {
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(wanted); ++i) {
      Numbers::Entry* entry = numbers_.of(PyList_GET_ITEM(wanted, i));
      if (!entry) return false;
      entry->reached = true;
    }
    return true;
  }

  bool walk(PyObject* records) {
    if (PyList_GET_SIZE(records) > static_cast<Py_ssize_t>(kTapeRecords)) return false;
    for (Py_ssize_t r = 0; r < PyList_GET_SIZE(records); ++r) {
      PyObject* record = PyList_GET_ITEM(records, r);
      if (Py_TYPE(record) != types.record) return false;
      PyObject *inputs = slot(record, types.inputs), *outputs = slot(record, types.outputs);
      if (!inputs || !PyTuple_Check(inputs) || !outputs || !PyTuple_Check(outputs)) return false;
      bool needed = false;
      for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(inputs) && !needed; ++i) {
        const Numbers::Entry* entry = numbers_.of(PyTuple_GET_ITEM(inputs, i));
        if (!entry) return false;
        needed = entry->reached;
      }
      if (!needed) continue;
      path.push_back(record);
      for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(outputs); ++i) {
        Numbers::Entry* entry = numbers_.of(PyTuple_GET_ITEM(outputs, i));
        if (!entry) return false;
        entry->reached = true;
      }
    }
    return true;
  }

  bool take_records() {
    if (!words.put(path.size())) return false;
    for (PyObject* record : path) {
      PyObject* attrs = slot(record, types.attrs);
      if (!words.put(reinterpret_cast<uintptr_t>(slot(record, types.primitive)))) return false;
      if (!attrs || !PyDict_CheckExact(attrs) || !words.put(static_cast<uint64_t>(PyDict_GET_SIZE(attrs))))
        return false;
      PyObject *name = nullptr, *value = nullptr;
      for (Py_ssize_t at = 0; PyDict_Next(attrs, &at, &name, &value);) {
        const auto nothing = [](PyObject*) { return false; };
        if (!words.put(name, nothing) || !words.put(value, nothing)) return false;
      }
      for (PyObject* side : {slot(record, types.inputs), slot(record, types.outputs)}) {
        if (!words.put(static_cast<uint64_t>(PyTuple_GET_SIZE(side)))) return false;
        for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(side); ++i) {
          if (!take_tensor(PyTuple_GET_ITEM(side, i))) return false;
        }
      }
    }
    return true;
  }

  bool take_tensors(PyObject* list) {
    if (!words.put(static_cast<uint64_t>(PyList_GET_SIZE(list)))) return false;
    for (Py_ssize_t i = 0; i < PyList_GET_SIZE(list); ++i) {
      if (!take_tensor(PyList_GET_ITEM(list, i))) return false;
    }
    return true;
  }

  bool take_tensor(PyObject* x) {
    if (x == Py_None) return words.put(~uint64_t{0});
    if (Py_TYPE(x) != tensors.tensor) return false;
    Numbers::Entry* entry = numbers_.of(x);
    if (!entry) return false;
    if (entry->number >= 0) return words.put(static_cast<uint64_t>(entry->number));
    const Array* array = array_of(x);
    if (!array || held.size() == kTapeTensors) return false;
    entry->number = static_cast<int32_t>(held.size());
    held.push_back(py::reinterpret_borrow<py::object>(x));
    bytes += array->view.nbytes();
    return bytes <= kTapeBytes && words.put(static_cast<uint64_t>(entry->number)) && words.put(array->view);
  }

  Numbers numbers_;
};

py::object backward(const py::object& learn, const py::list& records, const py::list& targets, const py::list& seeds,
                    const py::list& wanted) {
  Backward pass;
  if (!pass.take(records.ptr(), targets.ptr(), seeds.ptr(), wanted.ptr())) return py::none();
  const uint64_t hash = pass.words.hash();
  bool seen = false;
  const auto known = passes().find(hash, pass.words.span(), &seen);
  if (known) {
    try {
      return py::reinterpret_steal<py::object>(replay(*known, pass.held, pass.bytes));
    } catch (const FaultError&) {
      return py::none();  // the long way meets it again, and explains
    }
  }
  if (!seen && passes().due(hash)) {
    py::list path;
    for (PyObject* record : pass.path) path.append(py::handle(record));
    passes().add(hash, pass.words.span(), learn(path, targets, seeds, wanted, tuple_of(pass.held)));
  }
  return py::none();
}

void set_tape(const py::type& tape, const py::type& record) {
  types.primitive = offset_of(record, "primitive");
  types.inputs = offset_of(record, "inputs");
  types.attrs = offset_of(record, "attrs");
  types.outputs = offset_of(record, "outputs");
  types.needs = offset_of(record, "needs");
  types.tracked = PyUnicode_InternFromString("_tracked");
  types.records = PyUnicode_InternFromString("_records");
  types.told = PyUnicode_InternFromString("record");
  types.tape = kept_type(tape);
  types.record = kept_type(record);
}

}  // namespace

void record(const py::object& tapes, PyObject* primitive, const py::object& attrs, std::span<const py::object> inputs,
            std::span<const py::object> outputs) {
  const py::tuple args = tuple_of(inputs), outs = tuple_of(outputs);
  for (Py_ssize_t t = 0; t < PyTuple_GET_SIZE(tapes.ptr()); ++t) {
    PyObject* tape = PyTuple_GET_ITEM(tapes.ptr(), t);
    if (Py_TYPE(tape) != types.tape) {
      PyObject* given[] = {tape, primitive, args.ptr(), attrs.ptr(), outs.ptr()};
      const auto answer = py::reinterpret_steal<py::object>(PyObject_VectorcallMethod(types.told, given, 5, nullptr));
      if (!answer) throw py::error_already_set();
      continue;
    }
    const py::object tracked = attribute(tape, types.tracked);
    bool follows = false;
    for (size_t i = 0; i < inputs.size() && !follows; ++i) {
      const int found = PyDict_Contains(tracked.ptr(), id_of(inputs[i].ptr()).ptr());
      check(found);
      follows = found > 0;
    }
    if (!follows) continue;
    const auto made = py::reinterpret_steal<py::object>(new_record(primitive, args, attrs, outs));
    check(PyList_Append(attribute(tape, types.records).ptr(), made.ptr()));
    for (const py::object& y : outputs) {
      if (is_float(array_of(y.ptr())->view.dtype)) check(PyDict_SetItem(tracked.ptr(), id_of(y.ptr()).ptr(), y.ptr()));
    }
  }
}

void forget_backward() { passes().forget(); }

void bind_tape(py::module_& module) {
  module.def("set_tape", set_tape, py::arg("tape"), py::arg("record"), "The classes of tapes and their records.");
  module.def("backward", backward, py::arg("learn"), py::arg("records"), py::arg("targets"), py::arg("seeds"),
             py::arg("wanted"),
             "The gradients of a list of tensors, each a Tensor or None, by a backward pass that came often enough; "
             "else None. `learn(records, targets, seeds, wanted, tensors)` tells what such a pass does.");
}

}  // namespace ckeras::bind
