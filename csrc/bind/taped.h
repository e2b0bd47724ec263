// Calls that come again under a tape: their primitives run one by one, as they would without the short way.
#pragma once
#include <span>
#include <vector>

#include "bind/replay.h"
#include "runtime/step.h"

namespace ckeras::bind {

// Values are numbered: arguments, then constants, then what each stage gives.
struct Taped : Known {
  struct Out {
    py::object shape, dtype;
    View view;
  };
  struct Stage {
    enum Kind : int64_t { kRun, kAlias, kTold };  // kTold: runs nothing, `told` values of before are its outputs
    Kind kind;
    bool recorded;
    py::object primitive, attrs;
    std::vector<size_t> inputs, told;
    std::vector<Out> outs;
    Step step;
    int64_t bytes = 0;
  };
  size_t n_arguments = 0, n_values = 0;
  std::vector<py::object> constants;
  std::vector<Stage> stages;
  int container = 0;
  std::vector<size_t> leaves;

  // Of (the types of the arguments, constants, stages, container, leaves). A type is (shape, dtype name, dtype code);
  // a stage (kind, recorded, primitive, attrs, inputs, told, types of outputs, op id, ints, floats).
  static Taped of(const py::object& answer);
};

// The result of a call with these Tensors; `tapes` are told of every stage.
PyObject* replay(const Taped& known, std::span<const py::object> arguments, const py::object& tapes);

}  // namespace ckeras::bind
