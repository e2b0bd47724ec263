// Transforms of kLanes rows at a time, a row a lane, so that every load, turn and sum is a vector whatever the size.
// Only for .isa.cpp files.
//
// Number i of the rows is the 2 kLanes doubles at 2 kLanes i: real parts, imaginary parts. Powers of two by Stockham's
// passes of radix 4, from one buffer into the other (T. G. Stockham, 1966); other sizes after Bluestein.
#pragma once
#include "ops/dft/turns.h"

namespace ckeras::CKERAS_ISA {
namespace {

inline constexpr int64_t kLanes = 8;
inline constexpr int64_t kPlace = 2 * kLanes;

struct Lanes {
  V8 re, im;
  static CKERAS_MEMBER Lanes load(const double* p) { return {V8::load(p), V8::load(p + kLanes)}; }
  CKERAS_MEMBER void store(double* p) const {
    re.store(p);
    im.store(p + kLanes);
  }
  friend CKERAS_MEMBER Lanes operator+(Lanes a, Lanes b) { return {a.re + b.re, a.im + b.im}; }
  friend CKERAS_MEMBER Lanes operator-(Lanes a, Lanes b) { return {a.re - b.re, a.im - b.im}; }
  friend CKERAS_MEMBER Lanes operator*(Lanes a, Lanes b) {
    return {fnma(a.im, b.im, a.re * b.re), fma(a.re, b.im, a.im * b.re)};
  }
};
CKERAS_INLINE Lanes all(Complexes w, int64_t i) { return {V8(w.re[i]), V8(w.im[i])}; }

// Any size n, forward. Where `doubles(n)` of memory lie: turns of m, the chirp of n, its transform of m.
class LaneTransform {
 public:
  static int64_t doubles(int64_t n) { return 4 * dft_size(n) + 2 * n; }

  LaneTransform(int64_t n, double* memory)
      : n_(n),
        m_(dft_size(n)),
        turns_{memory, memory + m_},
        chirp_{memory + 2 * m_, memory + 2 * m_ + n},
        filter_{memory + 2 * m_ + 2 * n, memory + 3 * m_ + 2 * n} {}

  // x, y: two buffers of m places.
  void fill(double* x, double* y) const {
    const int64_t n = n_;
    turns(turns_, m_, m_, [](int64_t k) __attribute__((always_inline)) { return 2 * k; });
    if (n == m_) return;
    turns(chirp_, n, n, [n](int64_t k) __attribute__((always_inline)) { return square_modulo(k, 2 * n); });
    for (int64_t i = 0; i < m_; ++i) Lanes{V8(0), V8(0)}.store(x + i * kPlace);
    for (int64_t i = 0; i < n; ++i) {
      const Lanes c = all(chirp_, i);
      const Lanes mirrored{c.re, V8(0) - c.im};
      mirrored.store(x + i * kPlace);
      mirrored.store(x + (m_ - i) % m_ * kPlace);
    }
    const double* found = radix4(x, y);
    for (int64_t i = 0; i < m_; ++i) {
      filter_.re[i] = found[i * kPlace];
      filter_.im[i] = found[i * kPlace + kLanes];
    }
  }

  // Of the n places in x; the result is in x or in y.
  double* run(double* x, double* y) const {
    if (n_ == m_) return radix4(x, y);
    for (int64_t i = 0; i < n_; ++i) (Lanes::load(x + i * kPlace) * all(chirp_, i)).store(x + i * kPlace);
    for (int64_t i = n_; i < m_; ++i) Lanes{V8(0), V8(0)}.store(x + i * kPlace);
    double* a = radix4(x, y);
    for (int64_t i = 0; i < m_; ++i) {  // the inverse by the conjugate
      const Lanes v = Lanes::load(a + i * kPlace) * all(filter_, i);
      Lanes{v.re, V8(0) - v.im}.store(a + i * kPlace);
    }
    a = radix4(a, a == x ? y : x);
    const V8 scale(1 / static_cast<double>(m_));
    for (int64_t i = 0; i < n_; ++i) {
      const Lanes v = Lanes::load(a + i * kPlace);
      (Lanes{v.re * scale, V8(0) - v.im * scale} * all(chirp_, i)).store(a + i * kPlace);
    }
    return a;
  }

 private:
  double* radix4(double* x, double* y) const {
    int64_t length = m_, apart = 1;
    const auto swap = [&]() __attribute__((always_inline)) {
      double* const other = x;
      x = y;
      y = other;
    };
    for (; length >= 16; length /= 16, apart *= 16) {
      two_passes(x, y, length / 4, apart);
      swap();
    }
    if (length >= 4) {
      pass(x, y, length / 4, apart);
      swap();
      length /= 4;
      apart *= 4;
    }
    if (length < 2) return x;
    for (int64_t q = 0; q < apart; ++q) {
      const Lanes a = Lanes::load(x + q * kPlace), b = Lanes::load(x + (q + apart) * kPlace);
      (a + b).store(y + q * kPlace);
      (a - b).store(y + (q + apart) * kPlace);
    }
    return y;
  }
  // v[0 ... 3] become the four sums of a butterfly, turned.
  static CKERAS_MEMBER void butterfly(Lanes* v, const Lanes* w) {
    const Lanes even = v[0] + v[2], odd = v[0] - v[2], sum = v[1] + v[3], rest = v[1] - v[3];
    const Lanes turned{V8(0) - rest.im, rest.re};  // i times it
    v[0] = even + sum;
    v[1] = (odd - turned) * w[0];
    v[2] = (even - sum) * w[1];
    v[3] = (odd + turned) * w[2];
  }
  CKERAS_MEMBER void turns_of(int64_t p, Lanes* w) const {
    for (int64_t i = 0; i < 3; ++i) w[i] = all(turns_, (i + 1) * p);
  }
  void pass(const double* x, double* y, int64_t quarter, int64_t apart) const {
    for (int64_t p = 0; p < quarter; ++p) {
      Lanes w[3];
      turns_of(p * apart, w);
      for (int64_t q = 0; q < apart; ++q) {
        Lanes v[4];
        for (int64_t i = 0; i < 4; ++i) v[i] = Lanes::load(x + (q + apart * (p + i * quarter)) * kPlace);
        butterfly(v, w);
        for (int64_t i = 0; i < 4; ++i) v[i].store(y + (q + apart * (4 * p + i)) * kPlace);
      }
    }
  }
  // A pass and the next, whose butterflies have the results of four of this one's: numbers are read and written once.
  void two_passes(const double* x, double* y, int64_t quarter, int64_t apart) const {
    const int64_t next = quarter / 4;
    for (int64_t p = 0; p < next; ++p) {
      for (int64_t q = 0; q < apart; ++q) {
        Lanes v[4][4], w[3];
#pragma GCC unroll 4
        for (int64_t k = 0; k < 4; ++k) {
          turns_of((p + k * next) * apart, w);
          for (int64_t i = 0; i < 4; ++i)
            v[k][i] = Lanes::load(x + (q + apart * (p + k * next + i * quarter)) * kPlace);
          butterfly(v[k], w);
        }
        turns_of(4 * p * apart, w);
#pragma GCC unroll 4
        for (int64_t i = 0; i < 4; ++i) {
          Lanes u[4] = {v[0][i], v[1][i], v[2][i], v[3][i]};
          butterfly(u, w);
          for (int64_t k = 0; k < 4; ++k) u[k].store(y + (q + apart * (i + 4 * (4 * p + k))) * kPlace);
        }
      }
    }
  }

  int64_t n_, m_;
  Complexes turns_, chirp_, filter_;
};

}  // namespace
}  // namespace ckeras::CKERAS_ISA
