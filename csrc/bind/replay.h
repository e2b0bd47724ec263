// What calls of a signature come down to once they came often enough: a program and what to make of its outputs.
#pragma once
#include <algorithm>
#include <array>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "bind/tensor.h"
#include "runtime/program.h"

namespace ckeras::bind {

// What is known of a signature; `of(answer)` gives it of Python's answer, a tuple.
struct Known {
  std::vector<uint64_t> words;
  const PyTypeObject* tensor = nullptr;  // the class that was short then
  bool learnt = false;                   // false: there is nothing to learn
};

// What a call of a signature does: run a program, and make tensors of what it gives.
struct Replay : Known {
  struct Leaf {
    int64_t number;  // of an output of the program; -1: `given`, None or a constant; else an argument, -2 - number
    py::object shape, dtype, given;
    View view;  // the shape again
  };
  py::object owner;            // of `program`
  Program* program = nullptr;  // none: the leaves are there already
  int64_t bytes = 0;
  int container = 0;  // 0: one leaf, 1: a list, 2: a tuple
  std::vector<Leaf> leaves;

  // Of (program, bytes, container, leaves).
  static Replay of(const py::object& answer);
};

// What was learnt of one kind of call, by signature.
template <class T>
class Learnt {
 public:
  explicit Learnt(size_t most) : most_(most) {}

  // What a call of a signature does, or null; `seen` says whether something is known of it.
  std::shared_ptr<const T> find(uint64_t hash, std::span<const uint64_t> words, bool* seen) const {
    const auto found = known_.find(hash);
    *seen = found != known_.end();
    if (!*seen) return nullptr;
    const T& known = *found->second;
    return known.learnt && known.tensor == tensors.tensor && std::ranges::equal(known.words, words) ? found->second
                                                                                                    : nullptr;
  }

  // Counts a call of an unknown signature: whether to learn it now.
  bool due(uint64_t hash) {
    Seen &one = seen_[hash % seen_.size()], &other = seen_[(hash >> 32) % seen_.size()];
    Seen* own = one.hash == hash ? &one : &other;
    if (own->hash != hash) {
      own = clock_ - one.at > clock_ - other.at ? &one : &other;
      *own = {hash, 0, 0};
    }
    own->at = ++clock_;
    return ++own->count >= learn_after_;
  }

  // Keeps what `answer` says: None (not now), False (never) or a tuple.
  void add(uint64_t hash, std::span<const uint64_t> words, const py::object& answer) {
    if (answer.is_none()) return;
    const bool learnt = PyTuple_Check(answer.ptr());
    auto made = std::make_shared<T>(learnt ? T::of(answer) : T());
    made->words.assign(words.begin(), words.end());
    made->tensor = tensors.tensor;
    made->learnt = learnt;
    if (known_.size() >= most_) {  // signatures that come and go are not worth so much
      known_.clear();
      learn_after_ *= 2;
    }
    known_[hash] = std::move(made);
  }

  void forget() { known_.clear(); }

 private:
  struct Seen {
    uint64_t hash;
    uint32_t count, at;
  };
  size_t most_;
  std::unordered_map<uint64_t, std::shared_ptr<const T>> known_;
  std::array<Seen, 4096> seen_{};  // lately: a signature has two places, and takes the one that was left longer ago
  uint32_t clock_ = 0;
  uint32_t learn_after_ = 16;  // calls of a signature; learning it costs about as much as fifty calls
};

// The result of a call with these Tensors, which take `bytes`.
PyObject* replay(const Replay& known, std::span<const py::object> arguments, int64_t bytes);

// A list (1) or tuple (2) of `n` things, or the only one (0).
template <class Item>
PyObject* contained(int container, size_t n, const Item& item) {
  if (container == 0) return item(0);
  auto result = py::reinterpret_steal<py::object>(container == 1 ? PyList_New(static_cast<Py_ssize_t>(n))
                                                                 : PyTuple_New(static_cast<Py_ssize_t>(n)));
  if (!result) throw py::error_already_set();
  for (size_t i = 0; i < n; ++i) {
    PyObject* made = item(i);
    const auto at = static_cast<Py_ssize_t>(i);
    container == 1 ? PyList_SET_ITEM(result.ptr(), at, made) : PyTuple_SET_ITEM(result.ptr(), at, made);
  }
  return result.release().ptr();
}

}  // namespace ckeras::bind
