// Signatures: what the result of a call depends on besides the values of its tensors, as a row of words.
#pragma once
#include <algorithm>
#include <array>
#include <cstring>
#include <span>

#include "bind/tensor.h"

namespace ckeras::bind {

// At most `kMost` words. What does not fit, or is no plain value, has no signature: the functions give false.
template <size_t kMost>
class Words {
 public:
  bool put(uint64_t word) {
    if (n_ == kMost) return false;
    words_[n_++] = word;
    return true;
  }

  // A type and shape.
  bool put(const View& view) {
    if (!put(kTensor, static_cast<uint64_t>(view.dtype) | static_cast<uint64_t>(view.rank) << 8)) return false;
    for (int d = 0; d < view.rank; ++d) {
      if (!put(static_cast<uint64_t>(view.shape[d]))) return false;
    }
    return true;
  }

  // A number, string, slice, or short list of them; `other(x)` is asked of anything else.
  template <class Other>
  bool put(PyObject* x, const Other& other, int depth = 0) {
    if (x == Py_None) return put(kNone);
    if (x == Py_True) return put(kTrue);
    if (x == Py_False) return put(kFalse);
    if (x == Py_Ellipsis) return put(kEllipsis);
    if (PyLong_CheckExact(x)) {
      int overflow = 0;
      const long long value = PyLong_AsLongLongAndOverflow(x, &overflow);
      return !overflow && put(kInt) && put(static_cast<uint64_t>(value));
    }
    if (PyUnicode_CheckExact(x)) return put_string(x);
    if (PyFloat_CheckExact(x)) {
      uint64_t bits;
      const double value = PyFloat_AS_DOUBLE(x);
      std::memcpy(&bits, &value, sizeof bits);
      return depth == 0 && put(kFloat) && put(bits);  // a list of floats is data
    }
    if (PySlice_Check(x)) {
      const auto* slice = reinterpret_cast<PySliceObject*>(x);
      return depth < 2 && put(kSlice) && put(slice->start, other, 2) && put(slice->stop, other, 2) &&
             put(slice->step, other, 2);
    }
    if (PyTuple_CheckExact(x)) return put_items(x, kTuple, other, depth);
    if (PyList_CheckExact(x)) return put_items(x, kList, other, depth);
    return other(x);
  }

  uint64_t hash() const {
    uint64_t h = n_;
    for (size_t i = 0; i < n_; ++i) {
      h = (h ^ words_[i]) * 0x9e3779b97f4a7c15u;
      h ^= h >> 29;
    }
    return h;
  }

  std::span<const uint64_t> span() const { return {words_.data(), n_}; }

 private:
  enum Tag : uint64_t { kTensor = 1, kInt, kFloat, kString, kNone, kTrue, kFalse, kEllipsis, kSlice, kTuple, kList };

  bool put(Tag tag, uint64_t more) { return put(tag | more << 8); }

  template <class Other>
  bool put_items(PyObject* x, Tag tag, const Other& other, int depth) {
    if (depth == 3 || !put(tag, static_cast<uint64_t>(PySequence_Fast_GET_SIZE(x)))) return false;
    for (Py_ssize_t i = 0; i < PySequence_Fast_GET_SIZE(x); ++i) {
      if (!put(PySequence_Fast_GET_ITEM(x, i), other, depth + 1)) return false;
    }
    return true;
  }

  bool put_string(PyObject* x) {
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

  size_t n_ = 0;
  std::array<uint64_t, kMost> words_;
};

}  // namespace ckeras::bind
