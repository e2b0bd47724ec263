// What calls of a signature come down to once they came often enough: a program and what to make of its outputs.
#pragma once
#include <array>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "bind/tensor.h"
#include "runtime/program.h"

namespace ckeras::bind {

// What a call of a signature does: run a program, and make tensors of what it gives.
struct Replay {
  struct Leaf {
    int64_t number;  // of an output of the program; -1: `given`, None or a constant; else an argument, -2 - number
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

// The replays of one kind of call, by signature.
class Replays {
 public:
  explicit Replays(size_t most) : most_(most) {}

  // The replay of a signature, or null; `seen` says whether something is known of it.
  std::shared_ptr<const Replay> find(uint64_t hash, std::span<const uint64_t> words, bool* seen) const;
  // Counts a call of an unknown signature: whether to learn it now.
  bool due(uint64_t hash);
  // Keeps what `answer` says: None (not now), False (never) or (program, bytes, container, leaves).
  void add(uint64_t hash, std::span<const uint64_t> words, const py::object& answer);
  void forget() { known_.clear(); }

 private:
  struct Seen {
    uint64_t hash;
    uint32_t count;
  };
  size_t most_;
  std::unordered_map<uint64_t, std::shared_ptr<const Replay>> known_;
  std::array<Seen, 1024> seen_{};  // lately, each place kept by the last that came to it
  uint32_t learn_after_ = 16;      // calls of a signature; learning it costs about as much as fifty calls
};

// The result of a call with these Tensors, which take `bytes`.
PyObject* replay(const Replay& known, std::span<const py::object> arguments, int64_t bytes);

}  // namespace ckeras::bind
