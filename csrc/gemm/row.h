// One row of a product: a [K] by B [K, N] read as it lies. Bound by the memory that B comes from, so B is read in long
// stretches of several rows at once, which the processor sees coming. Only for .isa.cpp files.
#pragma once
#include "gemm/blocking.h"
#include "gemm/pack.h"

namespace ckeras::CKERAS_ISA {

// Columns of N that one piece of work keeps in the first-level cache: long ones are read best, short ones are enough
// pieces for several threads.
inline constexpr int64_t kRowStretch = 1024;
CKERAS_INLINE int64_t row_stretch(int64_t n) { return n >= 4 * kRowStretch ? kRowStretch : kRowStretch / 2; }

namespace {

// sum[j] = fma(a[p * a_step], b[p * ldb + j], sum[j]) for p in [0, R), one after the other; j < n.
template <class T, int R>
CKERAS_INLINE void add_rows(T* sum, const T* a, int64_t a_step, const T* b, int64_t ldb, int64_t n) {
  using Vector = VecOf<T>;
  constexpr int64_t kLanes = Vector::kLanes;
  Vector factor[R];
#pragma GCC unroll 8
  for (int p = 0; p < R; ++p) factor[p] = Vector(a[p * a_step]);
  int64_t j = 0;
  for (; j + kLanes <= n; j += kLanes) {
    Vector v = Vector::load(sum + j);
#pragma GCC unroll 8
    for (int p = 0; p < R; ++p) v = fma(factor[p], Vector::load(b + p * ldb + j), v);
    v.store(sum + j);
  }
  if (j == n) return;
  Vector v = Vector::load(sum + j, n - j);
#pragma GCC unroll 8
  for (int p = 0; p < R; ++p) v = fma(factor[p], Vector::load(b + p * ldb + j, n - j), v);
  v.store(sum + j, n - j);
}

// c[j] = (first ? 0 : c[j]) + the chain over one K block, as a tile of gemm/tile.h has it; n <= kRowStretch.
template <class T>
void multiply_row(int64_t k, const T* a, int64_t a_step, const T* b, int64_t ldb, T* c, int64_t n,
                  bool first) noexcept {
  using Vector = VecOf<T>;
  alignas(64) T sum[kRowStretch];
  for (int64_t j = 0; j < n; ++j) sum[j] = 0;
  constexpr int64_t kFew = 4, kMany = 8;
  int64_t p = 0;
  if (n > kRowStretch / 2) {
    for (; p + kMany <= k; p += kMany) add_rows<T, kMany>(sum, a + p * a_step, a_step, b + p * ldb, ldb, n);
  }
  for (; p + kFew <= k; p += kFew) add_rows<T, kFew>(sum, a + p * a_step, a_step, b + p * ldb, ldb, n);
  for (; p < k; ++p) add_rows<T, 1>(sum, a + p * a_step, a_step, b + p * ldb, ldb, n);
  for (int64_t j = 0; j < n; j += Vector::kLanes) {
    const Vector v = Vector::load(sum + j, n - j);
    (first ? v : Vector::load(c + j, n - j) + v).store(c + j, n - j);
  }
}

}  // namespace
}  // namespace ckeras::CKERAS_ISA
