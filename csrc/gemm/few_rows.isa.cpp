#include "gemm/few_rows.h"

#include "gemm/pack.h"

namespace ckeras::CKERAS_ISA {
namespace {

constexpr int64_t kAhead = 1024;  // bytes

// A vector of the two halves of its lanes. A register of 64 bytes is not read back from two stores of 32.
#if defined(CKERAS_ISA_AVX512)
CKERAS_INLINE V16 join(Raw<float, 8> lo, Raw<float, 8> hi) {
  return V16::from(__builtin_shufflevector(lo, hi, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
}
CKERAS_INLINE V8 join(Raw<double, 4> lo, Raw<double, 4> hi) {
  return V8::from(__builtin_shufflevector(lo, hi, 0, 1, 2, 3, 4, 5, 6, 7));
}
#else
template <class V, class R>
CKERAS_INLINE V join_stored(R lo, R hi) {
  alignas(64) typename V::Lane all[V::kLanes];
  store_raw(all, lo);
  store_raw(all + V::kLanes / 2, hi);
  return V::load(all);
}
CKERAS_INLINE V16 join(Raw<float, 8> lo, Raw<float, 8> hi) { return join_stored<V16>(lo, hi); }
CKERAS_INLINE V8 join(Raw<double, 4> lo, Raw<double, 4> hi) { return join_stored<V8>(lo, hi); }
#endif

template <class T, int R>
void multiply_turned(int64_t k, const T* a, int64_t row_step, int64_t k_step, const T* b, int64_t ldb, T* const* c,
                     int64_t n, bool first) noexcept {
  using Vector = VecOf<T>;
  constexpr int64_t kSize = kBlock<T>, kLanes = Vector::kLanes;
  const T* column[kLanes];
#pragma GCC unroll 16
  for (int64_t j = 0; j < kLanes; ++j) column[j] = b + least(j, n - 1) * ldb;
  Vector sum[R];
#pragma GCC unroll 4
  for (int i = 0; i < R; ++i) sum[i] = Vector(T{0});
  int64_t p = 0;
  // A line of each column at a time: where they fall into one set of the cache, they do not stay for a second visit.
  for (; p + kLanes <= k; p += kLanes) {
    alignas(64) T lines[kLanes * kLanes];
#pragma GCC unroll 16
    for (int64_t j = 0; j < kLanes; ++j) {
      Vector::load(column[j] + p).store(lines + j * kLanes);
      __builtin_prefetch(column[j] + p + kAhead / sizeof(T), 0, 2);
    }
    for (int64_t part = 0; part < kLanes; part += kSize) {
      Raw<T, kBlock<T>> lo[kSize], hi[kSize];
#pragma GCC unroll 8
      for (int64_t j = 0; j < kSize; ++j) {
        lo[j] = load_raw<T, kBlock<T>>(lines + j * kLanes + part);
        hi[j] = load_raw<T, kBlock<T>>(lines + (j + kSize) * kLanes + part);
      }
      transpose_block(lo);
      transpose_block(hi);
#pragma GCC unroll 8
      for (int64_t q = 0; q < kSize; ++q) {
        const Vector factors = join(lo[q], hi[q]);
#pragma GCC unroll 4
        for (int i = 0; i < R; ++i) sum[i] = fma(Vector(a[i * row_step + (p + part + q) * k_step]), factors, sum[i]);
      }
    }
  }
  for (; p < k; ++p) {
    T rest[kLanes];
    for (int64_t j = 0; j < kLanes; ++j) rest[j] = column[j][p];
    const Vector factors = Vector::load(rest);
#pragma GCC unroll 4
    for (int i = 0; i < R; ++i) sum[i] = fma(Vector(a[i * row_step + p * k_step]), factors, sum[i]);
  }
#pragma GCC unroll 4
  for (int i = 0; i < R; ++i) (first ? sum[i] : Vector::load(c[i], n) + sum[i]).store(c[i], n);
}

template <class T, int R>
constexpr void fill(FewRowsTable<T>& table) {
  table.kernels[R - 1] = multiply_turned<T, R>;
  if constexpr (R < kFewRows) fill<T, R + 1>(table);
}
template <class T>
constexpr FewRowsTable<T> filled() {
  FewRowsTable<T> table{};
  fill<T, 1>(table);
  return table;
}

}  // namespace

constinit const FewRowsTable<float> FewRows<float>::table = filled<float>();
constinit const FewRowsTable<double> FewRows<double>::table = filled<double>();

}  // namespace ckeras::CKERAS_ISA
