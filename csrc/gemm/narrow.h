// Rows of many products with few columns, some of them side by side: the sums of one row alone would wait for each
// other. Not where kUnrolls is false. Only for .isa.cpp files.
#pragma once
#include "cpu/parallel.h"
#include "gemm/blocking.h"
#include "gemm/epilogue.h"

namespace ckeras::CKERAS_ISA {

// Vectors of sums that take turns, in registers: a multiplication takes four cycles.
#if defined(CKERAS_ISA_AVX512)
inline constexpr int64_t kNarrowSums = 8;
#else
inline constexpr int64_t kNarrowSums = 4;
#endif
// Rows that one product has at most: those of more fill tiles of their own.
inline constexpr int64_t kNarrowRows = 3;

namespace {

// c[i] = the chain over a[i] [k] and b[i] [k, n], K block by K block, of R rows and n columns, which fill V vectors but
// for a part of the last.
template <class T, int V, int R>
CKERAS_INLINE void multiply_narrow(int64_t k, const T* const* a, const T* const* b, int64_t n, T* const* c) {
  using Vector = VecOf<T>;
  constexpr int64_t kLast = (V - 1) * Vector::kLanes;
  for (int64_t begin = 0; begin == 0 || begin < k; begin += kKBlock) {
    Vector sum[R][V];
#pragma GCC unroll 8
    for (int i = 0; i < R; ++i) {
#pragma GCC unroll 8
      for (int v = 0; v < V; ++v) sum[i][v] = Vector(T{0});
    }
    for (int64_t p = begin; p < least(k, begin + kKBlock); ++p) {
#pragma GCC unroll 8
      for (int i = 0; i < R; ++i) {
        const T* const row = b[i] + p * n;
        const Vector factor(a[i][p]);
#pragma GCC unroll 8
        for (int v = 0; v < V - 1; ++v) sum[i][v] = fma(factor, Vector::load(row + v * Vector::kLanes), sum[i][v]);
        sum[i][V - 1] = fma(factor, Vector::load(row + kLast, n - kLast), sum[i][V - 1]);
      }
    }
#pragma GCC unroll 8
    for (int i = 0; i < R; ++i) {
#pragma GCC unroll 8
      for (int v = 0; v < V; ++v) {
        const int64_t j = v * Vector::kLanes;
        (begin == 0 ? sum[i][v] : Vector::load(c[i] + j, n - j) + sum[i][v]).store(c[i] + j, n - j);
      }
    }
  }
}

// Products [m, k] by [k, n], `count` of them one after the other in memory.
template <class T>
struct NarrowRows {
  int64_t count, m, k, n;
  const T *a, *b;
  T* c;
  Ending<T> ending;  // of the first row

  template <int V, int R>
  CKERAS_MEMBER void multiply(int64_t row) const {
    const T *left[R], *right[R];
    T* to[R];
    for (int i = 0; i < R; ++i) {
      left[i] = a + (row + i) * k;
      right[i] = b + (row + i) / m * k * n;
      to[i] = c + (row + i) * n;
    }
    multiply_narrow<T, V, R>(k, left, right, n, to);
    if (!ending.nothing()) end_block(ending.at(row, 0), to, R, n);
  }
  template <int V>
  void run_vectors() const noexcept {
    constexpr int kRows = static_cast<int>(kNarrowSums / V);
    const int64_t work = V * VecOf<T>::kLanes * (k + kTileSteps);
    parallel_for(count * m, most(1, kRowWork / work), [this](int64_t begin, int64_t end) {
      int64_t row = begin;
      for (; row + kRows <= end; row += kRows) multiply<V, kRows>(row);
      for (; row < end; ++row) multiply<V, 1>(row);
    });
  }
  template <int V = 1>
  void run() const noexcept {
    if constexpr (V < kNarrowSums) {
      if (n > V * VecOf<T>::kLanes) return run<V + 1>();
    }
    run_vectors<V>();
  }
};

}  // namespace
}  // namespace ckeras::CKERAS_ISA
