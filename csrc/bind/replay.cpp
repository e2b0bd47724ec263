#include "bind/replay.h"

#include <algorithm>
#include <optional>

#include "bind/convert.h"
#include "bind/run.h"

namespace ckeras::bind {
namespace {

Replay::Leaf leaf_of(PyObject* fields) {
  const Items leaf(fields, "learn: a leaf");
  const auto part = [&](size_t k) { return py::reinterpret_borrow<py::object>(leaf[k]); };
  const View view = checked_view(to_ints(leaf[1], "learn: shape").span(), DType::F32);
  return {to_int(leaf[0], "learn: number"), part(1), part(2), part(3), view};
}

PyObject* leaf_tensor(const Replay::Leaf& leaf, std::span<const py::object> arguments,
                      const std::vector<Array>& outputs) {
  if (leaf.number >= 0) {
    Array array = outputs[static_cast<size_t>(leaf.number)];
    array.view.rank = leaf.view.rank;
    std::copy_n(leaf.view.shape, leaf.view.rank, array.view.shape);
    return new_tensor(std::move(array), leaf.shape.ptr(), leaf.dtype.ptr());
  }
  if (leaf.number < -1) return Py_NewRef(arguments[static_cast<size_t>(-2 - leaf.number)].ptr());
  PyObject* given = leaf.given.ptr();
  if (given == Py_None) return Py_NewRef(given);
  PyObject* made = new_tensor(Array(*array_of(given)), leaf.shape.ptr(), leaf.dtype.ptr());
  Py_SETREF(slot(made, tensors.repeats), Py_NewRef(slot(given, tensors.repeats)));
  return made;
}

}  // namespace

std::shared_ptr<const Replay> Replays::find(uint64_t hash, std::span<const uint64_t> words, bool* seen) const {
  const auto found = known_.find(hash);
  *seen = found != known_.end();
  if (!*seen) return nullptr;
  const Replay& known = *found->second;
  return known.leaves.empty() || known.tensor != tensors.tensor || !std::ranges::equal(known.words, words)
             ? nullptr
             : found->second;
}

bool Replays::due(uint64_t hash) {
  Seen& seen = seen_[hash % seen_.size()];
  if (seen.hash != hash) seen = {hash, 0};
  return ++seen.count >= learn_after_;
}

void Replays::add(uint64_t hash, std::span<const uint64_t> words, const py::object& answer) {
  if (answer.is_none()) return;
  auto made = std::make_shared<Replay>();
  made->words.assign(words.begin(), words.end());
  made->tensor = tensors.tensor;
  if (PyTuple_Check(answer.ptr())) {
    const Items fields(answer.ptr(), "learn: the answer"), leaves(fields[3], "learn: leaves");
    made->owner = py::reinterpret_borrow<py::object>(fields[0]);
    made->program = made->owner.is_none() ? nullptr : py::cast<Program*>(made->owner);
    made->bytes = to_int(fields[1], "learn: bytes");
    made->container = static_cast<int>(to_int(fields[2], "learn: container"));
    for (size_t i = 0; i < leaves.size(); ++i) made->leaves.push_back(leaf_of(leaves[i]));
  }
  if (known_.size() >= most_) {  // signatures that come and go are not worth so much
    known_.clear();
    learn_after_ *= 2;
  }
  known_[hash] = std::move(made);
}

PyObject* replay(const Replay& known, std::span<const py::object> arguments, int64_t bytes) {
  Buffer<Array, 16> inputs(arguments.size());
  for (size_t i = 0; i < inputs.size(); ++i) inputs[i] = *array_of(arguments[i].ptr());
  std::vector<Array> outputs;
  if (known.program) {
    std::optional<py::gil_scoped_release> release;
    if (bytes + known.bytes >= kReleaseGilBytes) release.emplace();
    outputs = known.program->run(inputs.span());
  }
  if (known.container == 0) return leaf_tensor(known.leaves[0], arguments, outputs);
  const auto n = static_cast<Py_ssize_t>(known.leaves.size());
  auto result = py::reinterpret_steal<py::object>(known.container == 1 ? PyList_New(n) : PyTuple_New(n));
  if (!result) throw py::error_already_set();
  for (Py_ssize_t i = 0; i < n; ++i) {
    PyObject* made = leaf_tensor(known.leaves[static_cast<size_t>(i)], arguments, outputs);
    known.container == 1 ? PyList_SET_ITEM(result.ptr(), i, made) : PyTuple_SET_ITEM(result.ptr(), i, made);
  }
  return result.release().ptr();
}

}  // namespace ckeras::bind
