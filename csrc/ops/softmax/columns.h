// Softmax of lines that lie side by side, step by step. Only for .isa.cpp files.
#pragma once
#include "cpu/vmath.h"
#include "ops/reduce/reduce.h"
#include "ops/storage.h"

namespace ckeras::CKERAS_ISA {

// `width` neighbouring columns of [rows, stride]; `tops` and `sums` have a place for each. Rows are read whole, in
// fours: (0 with 1) with (2 with 3).
template <class S>
struct Columns {
  using E = typename S::Element;
  using T = typename S::T;
  using V = typename S::V;
  static constexpr int64_t kMost = 512;  // columns

  const E* x;
  E* y;
  int64_t rows, stride, width;
  bool logarithm;  // of softmax

#define CKERAS_LAMBDA __attribute__((always_inline))

  // The rows of one chunk of the sums.
  Columns chunk(int64_t first) const {
    return {x + first * stride, y + first * stride, least(kRowChunk, rows - first), stride, width, logarithm};
  }

  // The greatest of each column; a NaN may be lost: its exponential is NaN all the same.
  void find_tops(T* tops) const {
    fill(tops, -__builtin_inff());
    fold_rows(
        tops, [](V a, V b) CKERAS_LAMBDA { return larger(a, b); },
        [&](int64_t at, int64_t, int64_t k) CKERAS_LAMBDA { return S::load(x + at, k); });
  }

  // Sums of exp(x - top) of at most kRowChunk rows. Those of softmax lie in the output from here on, but not halves,
  // which would be rounded twice.
  void add_exponentials(const T* tops, T* sums) const {
    fill(sums, 0);
    fold_rows(
        sums, [](V a, V b) CKERAS_LAMBDA { return a + b; },
        [&](int64_t at, int64_t j, int64_t k) CKERAS_LAMBDA {
          const V e = exp_falling(S::load(x + at, k) - Plain<T>::load(tops + j, k));
          if (kKept && !logarithm) S::store(y + at, e, k);
          return e;
        });
  }

  // What the results need of the sums, in their place.
  void invert(T* sums) const {
    each(sums, [&](V sum) CKERAS_LAMBDA { return logarithm ? log(sum) : V(1) / sum; });
  }

  void finish(const T* tops, const T* inverse) const {
    for (int64_t i = 0; i < rows; ++i) {
      for_lanes<V::kLanes>(width, [&](int64_t j, int64_t k) CKERAS_LAMBDA {
        const int64_t at = i * stride + j;
        const V by = Plain<T>::load(inverse + j, k);
        if (logarithm || !kKept) {
          const V low = S::load(x + at, k) - Plain<T>::load(tops + j, k);
          S::store(y + at, logarithm ? low - by : exp_falling(low) * by, k);
        } else {
          S::store(y + at, S::load(y + at, k) * by, k);
        }
      });
    }
  }

 private:
  static constexpr bool kKept = !S::kHalf;

  template <class F>
  void each(T* values, const F& f) const {
    for_lanes<V::kLanes>(
        width, [&](int64_t j, int64_t k) CKERAS_LAMBDA { f(Plain<T>::load(values + j, k)).store(values + j, k); });
  }
  void fill(T* values, T with) const {
    for (int64_t j = 0; j < width; ++j) values[j] = with;
  }

  // values[j] = join(values[j], value(place, j, lanes)) over the rows.
  template <class Join, class Value>
  void fold_rows(T* values, const Join& join, const Value& value) const {
    int64_t i = 0;
    for (; i + 4 <= rows; i += 4) {
      for_lanes<V::kLanes>(width, [&](int64_t j, int64_t k) CKERAS_LAMBDA {
        const int64_t at = i * stride + j;
        const V a = value(at, j, k), b = value(at + stride, j, k);
        const V c = value(at + 2 * stride, j, k), d = value(at + 3 * stride, j, k);
        join(Plain<T>::load(values + j, k), join(join(a, b), join(c, d))).store(values + j, k);
      });
    }
    for (; i < rows; ++i) {
      for_lanes<V::kLanes>(width, [&](int64_t j, int64_t k) CKERAS_LAMBDA {
        join(Plain<T>::load(values + j, k), value(i * stride + j, j, k)).store(values + j, k);
      });
    }
  }

#undef CKERAS_LAMBDA
};

}  // namespace ckeras::CKERAS_ISA
