#include "bind/taped.h"

#include <stdexcept>

#include "bind/convert.h"
#include "bind/run.h"
#include "bind/tape.h"

namespace ckeras::bind {
namespace {

using Indices = std::vector<size_t>;

Indices indices_of(PyObject* object, size_t n_values) {
  const Items items(object, "learn: numbers");
  Indices found;
  for (size_t i = 0; i < items.size(); ++i) {
    found.push_back(static_cast<size_t>(to_int(items[i], "learn: a number")));
    if (found.back() >= n_values) throw py::value_error("learn: there is no value of that number");
  }
  return found;
}

Taped::Out type_of(PyObject* object) {
  const Items fields(object, "learn: a type");
  const View view = checked_view(to_ints(fields[0], "learn: shape").span(), to_dtype(fields[2], "learn: dtype"));
  return {py::reinterpret_borrow<py::object>(fields[0]), py::reinterpret_borrow<py::object>(fields[1]), view};
}

Taped::Stage stage_of(PyObject* object, std::vector<View>* values) {
  const Items fields(object, "learn: a stage"), outs(fields[6], "learn: outputs");
  Taped::Stage made;
  made.kind = static_cast<Taped::Stage::Kind>(to_int(fields[0], "learn: kind"));
  made.recorded = fields[1] == Py_True;
  made.primitive = py::reinterpret_borrow<py::object>(fields[2]);
  made.attrs = py::reinterpret_borrow<py::object>(fields[3]);
  made.inputs = indices_of(fields[4], values->size());
  made.told = indices_of(fields[5], values->size());
  std::vector<View> in, out;
  for (const size_t i : made.inputs) in.push_back((*values)[i]);
  for (size_t i = 0; i < outs.size(); ++i) {
    made.outs.push_back(type_of(outs[i]));
    out.push_back(made.outs.back().view);
  }
  if (made.kind == Taped::Stage::kRun) {
    made.step = Step(static_cast<int>(to_int(fields[7], "learn: op id")), in, out,
                     to_ints(fields[8], "learn: ints").span(), to_floats(fields[9], "learn: floats").span());
  } else if (made.kind == Taped::Stage::kAlias &&
             (in.size() != 1 || out.size() != 1 || in[0].nbytes() != out[0].nbytes())) {
    throw py::value_error("learn: an alias has one input and one output of its size");
  }
  for (const auto* views : {&in, &out}) {
    for (const View& view : *views) made.bytes += view.nbytes();
  }
  values->insert(values->end(), out.begin(), out.end());
  return made;
}

py::object output_of(const Taped::Out& out, Array&& array) {
  return py::reinterpret_steal<py::object>(new_tensor(std::move(array), out.shape.ptr(), out.dtype.ptr()));
}

void run_stage(const Taped::Stage& stage, std::vector<py::object>* values) {
  const auto array = [&](size_t i) -> const Array& { return *array_of((*values)[i].ptr()); };
  if (stage.kind == Taped::Stage::kAlias) {
    Array moved = array(stage.inputs[0]);
    const View& view = stage.outs[0].view;
    moved.view.rank = view.rank;
    std::copy_n(view.shape, view.rank, moved.view.shape);
    values->push_back(output_of(stage.outs[0], std::move(moved)));
    return;
  }
  Buffer<View, 6> in(stage.inputs.size());
  for (size_t i = 0; i < in.size(); ++i) in[i] = array(stage.inputs[i]).view;
  Buffer<View, 3> out(stage.outs.size());
  for (size_t i = 0; i < out.size(); ++i) {
    const View& view = stage.outs[i].view;
    Array made = Array::empty({view.shape, static_cast<size_t>(view.rank)}, view.dtype);
    out[i] = made.view;
    values->push_back(output_of(stage.outs[i], std::move(made)));
  }
  run_step(stage.step, in.data(), out.data(), stage.bytes);
}

}  // namespace

Taped Taped::of(const py::object& answer) {
  const Items fields(answer.ptr(), "learn: the answer"), arguments(fields[0], "learn: arguments"),
      constants(fields[1], "learn: constants"), stages(fields[2], "learn: stages");
  Taped made;
  std::vector<View> values;
  made.n_arguments = arguments.size();
  for (size_t i = 0; i < arguments.size(); ++i) values.push_back(type_of(arguments[i]).view);
  for (size_t i = 0; i < constants.size(); ++i) {
    made.constants.push_back(py::reinterpret_borrow<py::object>(constants[i]));
    const Array* array = Py_TYPE(constants[i]) == tensors.tensor ? array_of(constants[i]) : nullptr;
    if (!array) throw py::value_error("learn: a constant is a Tensor");
    values.push_back(array->view);
  }
  for (size_t i = 0; i < stages.size(); ++i) made.stages.push_back(stage_of(stages[i], &values));
  made.n_values = values.size();
  made.container = static_cast<int>(to_int(fields[3], "learn: container"));
  made.leaves = indices_of(fields[4], values.size());
  return made;
}

PyObject* replay(const Taped& known, std::span<const py::object> arguments, const py::object& tapes) {
  std::vector<py::object> values;
  values.reserve(known.n_values);
  values.assign(arguments.begin(), arguments.end());
  values.insert(values.end(), known.constants.begin(), known.constants.end());
  std::vector<py::object> inputs, told;
  for (const Taped::Stage& stage : known.stages) {
    const size_t first = values.size();
    if (stage.kind != Taped::Stage::kTold) run_stage(stage, &values);
    if (!stage.recorded) continue;
    inputs.clear();
    for (const size_t i : stage.inputs) inputs.push_back(values[i]);
    std::span<const py::object> outputs{values.data() + first, values.size() - first};
    if (stage.kind == Taped::Stage::kTold) {
      told.clear();
      for (const size_t i : stage.told) told.push_back(values[i]);
      outputs = told;
    }
    record(tapes, stage.primitive.ptr(), stage.attrs, inputs, outputs);
  }
  const size_t n_given = known.n_arguments + known.constants.size();
  return contained(known.container, known.leaves.size(), [&](size_t i) {
    const size_t leaf = known.leaves[i];
    PyObject* value = values[leaf].ptr();
    return leaf >= known.n_arguments && leaf < n_given ? twin_of(value) : Py_NewRef(value);
  });
}

}  // namespace ckeras::bind
