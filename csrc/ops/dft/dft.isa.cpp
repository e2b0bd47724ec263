#include "ops/dft/dft.h"

#include "cpu/parallel.h"
#include "cpu/vmath.h"
#include "ops/storage.h"

namespace ckeras::CKERAS_ISA {
namespace {

constexpr double kPi = 3.14159265358979323846;

struct Complexes {
  double *re, *im;
};

// to[k] = exp(-i pi number(k) / half) for k < n.
template <class Number>
void turns(Complexes to, int64_t n, int64_t half, const Number& number) {
  for (int64_t k = 0; k < n; k += 8) {
    double angle[8] = {};
    for (int64_t j = 0; j < 8 && k + j < n; ++j) {
      angle[j] = kPi * (static_cast<double>(number(k + j)) / static_cast<double>(half));
    }
    const V8 a = V8::load(angle);
    cos(a).store(to.re + k, n - k);
    (V8(0) - sin(a)).store(to.im + k, n - k);
  }
}

// Sizes of a power of two, forward. Twiddles of the stage of butterflies `half` apart lie at half ... 2 half - 1.
class Radix2 {
 public:
  Radix2(int64_t n, Complexes twiddles) : n_(n), w_(twiddles) {}

  void fill() const {
    for (int64_t half = 1; half < n_; half *= 2) {
      turns({w_.re + half, w_.im + half}, half, half, [](int64_t k) __attribute__((always_inline)) { return k; });
    }
  }
  void run(Complexes x) const {
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
  CKERAS_MEMBER void butterfly(Complexes x, int64_t at, int64_t half, int64_t twiddle) const {
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
  Complexes w_;
};

// a *= b
void multiply(Complexes a, Complexes b, int64_t n) {
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
  void run(Complexes x) const {
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
  // k * k mod n without overflow, for k < n.
  static CKERAS_MEMBER int64_t square_modulo(int64_t k, int64_t n) {
    return static_cast<int64_t>(static_cast<unsigned __int128>(k) * static_cast<unsigned __int128>(k) %
                                static_cast<unsigned __int128>(n));
  }

  int64_t n_, m_;
  Radix2 radix2_;
  Complexes chirp_, filter_;
};

int64_t rows_of(const View& x) { return x.size() / at_least_one(x.shape[x.rank - 1]); }

int64_t dft_workspace(const Call& call) noexcept {
  const View& x = call.in[0];
  const int64_t n = x.shape[x.rank - 1];
  return (Transform::doubles(n) + least(rows_of(x), kDftRows) * 2 * dft_size(n)) * 8;
}

template <class T>
void transform(const Call& call) {
  const View& x = call.in[0];
  const int64_t n = x.shape[x.rank - 1], rows = rows_of(x), m = dft_size(n);
  if (x.size() == 0) return;
  auto* memory = static_cast<double*>(call.workspace);
  const Transform one(n, memory);
  one.fill();
  memory += Transform::doubles(n);
  const double sign = call.ints[0] < 0 ? 1 : -1;  // backward: the conjugate's conjugate
  for (int64_t group = 0; group < rows; group += kDftRows) {
    parallel_for(least(kDftRows, rows - group), 1, [&](int64_t begin, int64_t end) {
      for (int64_t slot = begin; slot < end; ++slot) {
        const int64_t at = (group + slot) * n;
        const Complexes y{memory + 2 * slot * m, memory + (2 * slot + 1) * m};
        const T *re = x.as<const T>() + at, *im = call.in[1].as<const T>() + at;
        for (int64_t i = 0; i < n; ++i) {
          y.re[i] = static_cast<double>(re[i]);
          y.im[i] = sign * static_cast<double>(im[i]);
        }
        one.run(y);
        T *to_re = call.out[0].as<T>() + at, *to_im = call.out[1].as<T>() + at;
        for (int64_t i = 0; i < n; ++i) {
          to_re[i] = static_cast<T>(y.re[i]);
          to_im[i] = static_cast<T>(sign * y.im[i]);
        }
      }
    });
  }
}

void dft(const Call& call) noexcept {
  if (call.in[0].dtype == DType::F64) return transform<double>(call);
  transform<float>(call);
}

}  // namespace

extern const Kernel kernel_dft;
constinit const Kernel kernel_dft = {dft, dft_workspace, nullptr};

}  // namespace ckeras::CKERAS_ISA
