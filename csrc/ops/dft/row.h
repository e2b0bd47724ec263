// The transform of one row, in place. Only for .isa.cpp files.
#pragma once
#include "ops/dft/turns.h"

namespace ckeras::CKERAS_ISA {
namespace {

// Sizes of a power of two, forward. Twiddles of the stage of butterflies `half` apart lie at half ... 2 half - 1.
class Radix2 {
 public:
  Radix2(int64_t n, Complexes<double> twiddles) : n_(n), w_(twiddles) {}

  void fill() const {
    for (int64_t half = 1; half < n_; half *= 2) {
      turns(Complexes<double>{w_.re + half, w_.im + half}, half, half,
            [](int64_t k) __attribute__((always_inline)) { return k; });
    }
  }
  void run(Complexes<double> x) const {
    for (int64_t i = 1, j = 0; i < n_; ++i) {  // j: the bits of i in reverse
      int64_t bit = n_ / 2;
      for (; j & bit; bit /= 2) j ^= bit;
      j ^= bit;
      if (i < j) {
        swap(x.re[i], x.re[j]);
        swap(x.im[i], x.im[j]);
      }
    }
    for (int64_t half = 1; half < n_; half *= 2) {
      for (int64_t base = 0; base < n_; base += 2 * half) {
        if (half < 8) {
          for (int64_t k = 0; k < half; ++k) butterfly<double, One>(x, base + k, half, half + k);
        } else {
          for (int64_t k = 0; k < half; k += 8) butterfly<V8, Eight>(x, base + k, half, half + k);
        }
      }
    }
  }

 private:
  struct One {
    static CKERAS_MEMBER double load(const double* p) { return *p; }
    static CKERAS_MEMBER void store(double* p, double v) { *p = v; }
  };
  struct Eight {
    static CKERAS_MEMBER V8 load(const double* p) { return V8::load(p); }
    static CKERAS_MEMBER void store(double* p, V8 v) { v.store(p); }
  };
  static CKERAS_MEMBER void swap(double& a, double& b) {
    const double c = a;
    a = b;
    b = c;
  }
  template <class V, class M>
  CKERAS_MEMBER void butterfly(Complexes<double> x, int64_t at, int64_t half, int64_t twiddle) const {
    const V wr = M::load(w_.re + twiddle), wi = M::load(w_.im + twiddle);
    const V br = M::load(x.re + at + half), bi = M::load(x.im + at + half);
    const V tr = br * wr - bi * wi, ti = br * wi + bi * wr;
    const V ar = M::load(x.re + at), ai = M::load(x.im + at);
    M::store(x.re + at, ar + tr);
    M::store(x.im + at, ai + ti);
    M::store(x.re + at + half, ar - tr);
    M::store(x.im + at + half, ai - ti);
  }

  int64_t n_;
  Complexes<double> w_;
};

// a *= b
void multiply(Complexes<double> a, Complexes<double> b, int64_t n) {
  for (int64_t i = 0; i < n; ++i) {
    const double re = a.re[i] * b.re[i] - a.im[i] * b.im[i];
    a.im[i] = a.re[i] * b.im[i] + a.im[i] * b.re[i];
    a.re[i] = re;
  }
}

// Any size, forward, in place in `x` of m places.
class Transform {
 public:
  static int64_t doubles(int64_t n) { return 2 * (2 * dft_size(n) + n); }

  Transform(int64_t n, double* memory)
      : n_(n), m_(dft_size(n)), radix2_(m_, {memory, memory + m_}), chirp_{memory + 2 * m_, memory + 2 * m_ + n} {
    filter_ = {chirp_.im + n, chirp_.im + n + m_};
  }
  void fill() const {
    radix2_.fill();
    if (n_ == m_) return;
    const int64_t n = n_;
    turns(chirp_, n, n, [n](int64_t k) __attribute__((always_inline)) { return square_modulo(k, 2 * n); });
    for (int64_t i = 0; i < m_; ++i) filter_.re[i] = filter_.im[i] = 0;
    for (int64_t i = 0; i < n; ++i) {
      const int64_t mirrored = (m_ - i) % m_;
      filter_.re[i] = filter_.re[mirrored] = chirp_.re[i];
      filter_.im[i] = filter_.im[mirrored] = -chirp_.im[i];
    }
    radix2_.run(filter_);
  }
  void run(Complexes<double> x) const {
    if (n_ == m_) return radix2_.run(x);
    multiply(x, chirp_, n_);
    for (int64_t i = n_; i < m_; ++i) x.re[i] = x.im[i] = 0;
    radix2_.run(x);
    multiply(x, filter_, m_);
    for (int64_t i = 0; i < m_; ++i) x.im[i] = -x.im[i];  // the inverse by the conjugate
    radix2_.run(x);
    const double scale = 1 / static_cast<double>(m_);
    for (int64_t i = 0; i < n_; ++i) {
      x.re[i] *= scale;
      x.im[i] *= -scale;
    }
    multiply(x, chirp_, n_);
  }

 private:
  int64_t n_, m_;
  Radix2 radix2_;
  Complexes<double> chirp_, filter_;
};

}  // namespace
}  // namespace ckeras::CKERAS_ISA
