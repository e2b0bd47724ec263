// Complex numbers of absolute value 1. Only for .isa.cpp files.
#pragma once
#include "cpu/vmath.h"
#include "cpu/whole.h"
#include "ops/dft/dft.h"

namespace ckeras::CKERAS_ISA {
namespace {

constexpr double kPi = 3.14159265358979323846;

template <class T>
struct Complexes {
  T *re, *im;
};

CKERAS_INLINE void put_turns(double* to, V8 v, int64_t n) { v.store(to, n); }
CKERAS_INLINE void put_turns(float* to, V8 v, int64_t n) { to_single(W16(v, V8(0))).store(to, least(n, 8)); }

// to[k] = exp(-i pi number(k) / half) for k < n, rounded once from float64.
template <class T, class Number>
void turns(Complexes<T> to, int64_t n, int64_t half, const Number& number) {
  for (int64_t k = 0; k < n; k += 8) {
    double numbers[8] = {};
    for (int64_t j = 0; j < 8 && k + j < n; ++j) numbers[j] = static_cast<double>(number(k + j));
    const V8 a = V8(kPi) * (V8::load(numbers) / V8(static_cast<double>(half)));
    put_turns(to.re + k, cos(a), n - k);
    put_turns(to.im + k, V8(0) - sin(a), n - k);
  }
}

// k * k mod n without overflow, for k < n.
CKERAS_INLINE int64_t square_modulo(int64_t k, int64_t n) {
  return static_cast<int64_t>(static_cast<unsigned __int128>(k) * static_cast<unsigned __int128>(k) %
                              static_cast<unsigned __int128>(n));
}

}  // namespace
}  // namespace ckeras::CKERAS_ISA
