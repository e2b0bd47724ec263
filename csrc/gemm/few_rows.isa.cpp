#include "gemm/few_rows.h"

#include "gemm/pack.h"

namespace ckeras::CKERAS_ISA {
namespace {

constexpr int64_t kAhead = 1024;  // bytes

// The lines of kLanes columns, one below the other: give(q, lanes) for each step q of them, whose lane j is element q
// of line j. A register of 64 bytes is not read back from two stores of 32.
#if defined(CKERAS_ISA_AVX512)
// Quarters of registers come from memory, which leaves the shuffles of one port half of what they would be.
template <class R>
CKERAS_INLINE R four_parts(const float* p, int64_t step) {
  constexpr __mmask16 kAll = 0xffff;
  __m512 v = _mm512_castps128_ps512(_mm_load_ps(p));
  v = _mm512_maskz_insertf32x4(kAll, v, _mm_load_ps(p + step), 1);
  v = _mm512_maskz_insertf32x4(kAll, v, _mm_load_ps(p + 2 * step), 2);
  return (R)_mm512_maskz_insertf32x4(kAll, v, _mm_load_ps(p + 3 * step), 3);
}
CKERAS_INLINE D8 unpack_lo(D8 a, D8 b) { return __builtin_shufflevector(a, b, 0, 8, 2, 10, 4, 12, 6, 14); }
CKERAS_INLINE D8 unpack_hi(D8 a, D8 b) { return __builtin_shufflevector(a, b, 1, 9, 3, 11, 5, 13, 7, 15); }
CKERAS_INLINE D8 unpack_lo(F16 a, F16 b) {
  return (D8)__builtin_shufflevector(a, b, 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29);
}
CKERAS_INLINE D8 unpack_hi(F16 a, F16 b) {
  return (D8)__builtin_shufflevector(a, b, 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31);
}
template <class Give>
CKERAS_INLINE void turn_lines(const float* lines, const Give& give) {
#pragma GCC unroll 4
  for (int64_t part = 0; part < 16; part += 4) {
    F16 rows[4];
#pragma GCC unroll 4
    for (int64_t r = 0; r < 4; ++r) rows[r] = four_parts<F16>(lines + 16 * r + part, 64);
    const D8 lo01 = unpack_lo(rows[0], rows[1]), hi01 = unpack_hi(rows[0], rows[1]);
    const D8 lo23 = unpack_lo(rows[2], rows[3]), hi23 = unpack_hi(rows[2], rows[3]);
    give(part, V16::from((F16)unpack_lo(lo01, lo23)));
    give(part + 1, V16::from((F16)unpack_hi(lo01, lo23)));
    give(part + 2, V16::from((F16)unpack_lo(hi01, hi23)));
    give(part + 3, V16::from((F16)unpack_hi(hi01, hi23)));
  }
}
template <class Give>
CKERAS_INLINE void turn_lines(const double* lines, const Give& give) {
#pragma GCC unroll 4
  for (int64_t part = 0; part < 8; part += 2) {
    const float* const at = reinterpret_cast<const float*>(lines + part);
    const D8 even = four_parts<D8>(at, 32), odd = four_parts<D8>(at + 16, 32);
    give(part, V8::from(unpack_lo(even, odd)));
    give(part + 1, V8::from(unpack_hi(even, odd)));
  }
}
#else
template <class V, class R>
CKERAS_INLINE V join(R lo, R hi) {
  alignas(64) typename V::Lane all[V::kLanes];
  store_raw(all, lo);
  store_raw(all + V::kLanes / 2, hi);
  return V::load(all);
}
template <class T, class Give>
CKERAS_INLINE void turn_lines(const T* lines, const Give& give) {
  constexpr int64_t kSize = kBlock<T>, kLanes = VecOf<T>::kLanes;
  for (int64_t part = 0; part < kLanes; part += kSize) {
    Raw<T, kBlock<T> > lo[kSize], hi[kSize];
#pragma GCC unroll 8
    for (int64_t j = 0; j < kSize; ++j) {
      lo[j] = load_raw<T, kBlock<T> >(lines + j * kLanes + part);
      hi[j] = load_raw<T, kBlock<T> >(lines + (j + kSize) * kLanes + part);
    }
    transpose_block(lo);
    transpose_block(hi);
#pragma GCC unroll 8
    for (int64_t q = 0; q < kSize; ++q) give(part + q, join<VecOf<T> >(lo[q], hi[q]));
  }
}
#endif

template <class T, int R>
void multiply_turned(int64_t k, const T* a, int64_t row_step, int64_t k_step, const T* b, int64_t ldb, T* const* c,
                     int64_t n, bool first) noexcept {
  using Vector = VecOf<T>;
  constexpr int64_t kLanes = Vector::kLanes;
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
    turn_lines(lines, [&](int64_t q, Vector factors) {
#pragma GCC unroll 4
      for (int i = 0; i < R; ++i) sum[i] = fma(Vector(a[i * row_step + (p + q) * k_step]), factors, sum[i]);
    });
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
