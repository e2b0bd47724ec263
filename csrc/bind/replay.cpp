#include "bind/replay.h"

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
  return given == Py_None ? Py_NewRef(given) : twin_of(given);
}

}  // namespace

Replay Replay::of(const py::object& answer) {
  const Items fields(answer.ptr(), "learn: the answer"), leaves(fields[3], "learn: leaves");
  Replay made;
  made.owner = py::reinterpret_borrow<py::object>(fields[0]);
  made.program = made.owner.is_none() ? nullptr : py::cast<Program*>(made.owner);
  made.bytes = to_int(fields[1], "learn: bytes");
  made.container = static_cast<int>(to_int(fields[2], "learn: container"));
  for (size_t i = 0; i < leaves.size(); ++i) made.leaves.push_back(leaf_of(leaves[i]));
  return made;
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
  return contained(known.container, known.leaves.size(),
                   [&](size_t i) { return leaf_tensor(known.leaves[i], arguments, outputs); });
}

}  // namespace ckeras::bind
