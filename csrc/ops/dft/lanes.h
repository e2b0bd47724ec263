// Transforms of as many rows as a vector has lanes, a row a lane, so that every load, turn and sum is a vector whatever
// the size. Only for .isa.cpp files.
//
// Number i of the rows is two vectors at 2 kLanes i: real parts, imaginary parts. Sizes 2^a 3^b 5^c 7^d by
// Stockham's passes, from one buffer into the other (T. G. Stockham, 1966): of radix 7, 5 and 3, then 4 in pairs, then
// 4 or 2. Other sizes after Bluestein.
#pragma once
#include "ops/dft/turns.h"

namespace ckeras::CKERAS_ISA {
namespace {

template <class T>
struct Lanes {
  using V = VecOf<T>;
  V re, im;
  static CKERAS_MEMBER Lanes load(const T* p) { return {V::load(p), V::load(p + V::kLanes)}; }
  CKERAS_MEMBER void store(T* p) const {
    re.store(p);
    im.store(p + V::kLanes);
  }
  friend CKERAS_MEMBER Lanes operator+(Lanes a, Lanes b) { return {a.re + b.re, a.im + b.im}; }
  friend CKERAS_MEMBER Lanes operator-(Lanes a, Lanes b) { return {a.re - b.re, a.im - b.im}; }
  friend CKERAS_MEMBER Lanes operator*(Lanes a, Lanes b) {
    return {fnma(a.im, b.im, a.re * b.re), fma(a.re, b.im, a.im * b.re)};
  }
  friend CKERAS_MEMBER Lanes fma(T a, Lanes b, Lanes c) { return {fma(V(a), b.re, c.re), fma(V(a), b.im, c.im)}; }
  friend CKERAS_MEMBER Lanes plus_i(Lanes a, Lanes b) { return {a.re - b.im, a.im + b.re}; }   // a + i b
  friend CKERAS_MEMBER Lanes minus_i(Lanes a, Lanes b) { return {a.re + b.im, a.im - b.re}; }  // a - i b
};
template <class T>
CKERAS_INLINE Lanes<T> all(Complexes<T> w, int64_t i) {
  return {VecOf<T>(w.re[i]), VecOf<T>(w.im[i])};
}

// n without its factors of 2, 3, 5 and 7 is 1.
CKERAS_INLINE bool is_smooth(int64_t n) {
  for (int64_t factor = 2; factor <= 7; ++factor) {
    while (n > 0 && n % factor == 0) n /= factor;
  }
  return n == 1;
}
CKERAS_INLINE int64_t lane_size(int64_t n) { return is_smooth(n) ? n : dft_size(n); }
// Numbers of a LaneTransform's tables: turns of m, the chirp of n, its transform of m.
CKERAS_INLINE int64_t lane_table(int64_t n) { return 4 * lane_size(n) + 2 * n; }

// Any size n, forward, with tables in `lane_table(n)` numbers of memory.
template <class T>
class LaneTransform {
 public:
  using V = VecOf<T>;
  static constexpr int64_t kLanes = V::kLanes, kPlace = 2 * kLanes;

  LaneTransform(int64_t n, T* memory)
      : n_(n),
        m_(lane_size(n)),
        turns_{memory, memory + m_},
        chirp_{memory + 2 * m_, memory + 2 * m_ + n},
        filter_{memory + 2 * m_ + 2 * n, memory + 3 * m_ + 2 * n} {}

  // x, y: two buffers of m places.
  void fill(T* x, T* y) const {
    const int64_t n = n_;
    turns(turns_, m_, m_, [](int64_t k) __attribute__((always_inline)) { return 2 * k; });
    if (n == m_) return;
    turns(chirp_, n, n, [n](int64_t k) __attribute__((always_inline)) { return square_modulo(k, 2 * n); });
    for (int64_t i = 0; i < m_; ++i) Lanes<T>{V(0), V(0)}.store(x + i * kPlace);
    for (int64_t i = 0; i < n; ++i) {
      const Lanes<T> c = all(chirp_, i);
      const Lanes<T> mirrored{c.re, V(0) - c.im};
      mirrored.store(x + i * kPlace);
      mirrored.store(x + (m_ - i) % m_ * kPlace);
    }
    const T* found = passes(x, y);
    for (int64_t i = 0; i < m_; ++i) {
      filter_.re[i] = found[i * kPlace];
      filter_.im[i] = found[i * kPlace + kLanes];
    }
  }

  // Of the n places in x; the result is in x or in y.
  T* run(T* x, T* y) const {
    if (n_ == m_) return passes(x, y);
    for (int64_t i = 0; i < n_; ++i) (Lanes<T>::load(x + i * kPlace) * all(chirp_, i)).store(x + i * kPlace);
    for (int64_t i = n_; i < m_; ++i) Lanes<T>{V(0), V(0)}.store(x + i * kPlace);
    T* a = passes(x, y);
    for (int64_t i = 0; i < m_; ++i) {  // the inverse by the conjugate
      const Lanes<T> v = Lanes<T>::load(a + i * kPlace) * all(filter_, i);
      Lanes<T>{v.re, V(0) - v.im}.store(a + i * kPlace);
    }
    a = passes(a, a == x ? y : x);
    const V scale(1 / static_cast<T>(m_));
    for (int64_t i = 0; i < n_; ++i) {
      const Lanes<T> v = Lanes<T>::load(a + i * kPlace);
      (Lanes<T>{v.re * scale, V(0) - v.im * scale} * all(chirp_, i)).store(a + i * kPlace);
    }
    return a;
  }

  // Of sixteen numbers read(i), without memory: write(k, v) gets the results.
  template <class Read, class Write>
  CKERAS_MEMBER void run_sixteen(const Read& read, const Write& write) const {
    sixteen(
        0, 1, 1, [&](int64_t k, int64_t i) __attribute__((always_inline)) { return read(k + 4 * i); },
        [&](int64_t i, int64_t k, Lanes<T> v) __attribute__((always_inline)) { write(i + 4 * k, v); });
  }

 private:
  T* passes(T* x, T* y) const {
    int64_t length = m_, apart = 1;
    const auto passed = [&](int64_t radix) __attribute__((always_inline)) {
      T* const other = x;
      x = y;
      y = other;
      length /= radix;
      apart *= radix;
    };
    while (length % 7 == 0) pass<7>(x, y, length / 7, apart), passed(7);
    while (length % 5 == 0) pass<5>(x, y, length / 5, apart), passed(5);
    while (length % 3 == 0) pass<3>(x, y, length / 3, apart), passed(3);
    while (length > 16) two_passes<false>(x, y, length / 16, apart), passed(16);
    if (length == 16) two_passes<true>(x, y, 1, apart), passed(16);
    if (length >= 4) pass<4>(x, y, length / 4, apart), passed(4);
    if (length == 2) pass<2>(x, y, 1, apart), passed(2);
    return x;
  }
  // v[0 ... radix - 1] become the sums of a butterfly, all but the first turned by w.
  static CKERAS_MEMBER void butterfly(Lanes<T> (&v)[2], const Lanes<T>* w) {
    const Lanes<T> a = v[0];
    v[0] = a + v[1];
    v[1] = turned(a - v[1], w, 0);
  }
  static CKERAS_MEMBER void butterfly(Lanes<T> (&v)[3], const Lanes<T>* w) {
    const Lanes<T> sum = v[1] + v[2], rest = v[1] - v[2];
    const Lanes<T> even = fma(T(-0.5), sum, v[0]);
    const V sine(static_cast<T>(0.86602540378443864676));
    const Lanes<T> odd{sine * rest.re, sine * rest.im};
    v[0] = v[0] + sum;
    v[1] = turned(minus_i(even, odd), w, 0);
    v[2] = turned(plus_i(even, odd), w, 1);
  }
  static CKERAS_MEMBER void butterfly(Lanes<T> (&v)[4], const Lanes<T>* w) {
    const Lanes<T> even = v[0] + v[2], odd = v[0] - v[2], sum = v[1] + v[3], rest = v[1] - v[3];
    v[0] = even + sum;
    v[1] = turned(minus_i(odd, rest), w, 0);
    v[2] = turned(even - sum, w, 1);
    v[3] = turned(plus_i(odd, rest), w, 2);
  }
  static CKERAS_MEMBER void butterfly(Lanes<T> (&v)[5], const Lanes<T>* w) {
    constexpr T kCos1 = static_cast<T>(0.30901699437494742410), kCos2 = static_cast<T>(-0.80901699437494742410);
    constexpr T kSin1 = static_cast<T>(0.95105651629515357212), kSin2 = static_cast<T>(0.58778525229247312917);
    const Lanes<T> a = v[1] + v[4], b = v[2] + v[3], c = v[1] - v[4], d = v[2] - v[3];
    const Lanes<T> even1 = fma(kCos1, a, fma(kCos2, b, v[0])), even2 = fma(kCos2, a, fma(kCos1, b, v[0]));
    const Lanes<T> none{V(0), V(0)};
    const Lanes<T> odd1 = fma(kSin1, c, fma(kSin2, d, none)), odd2 = fma(kSin2, c, fma(-kSin1, d, none));
    v[0] = v[0] + (a + b);
    v[1] = turned(minus_i(even1, odd1), w, 0);
    v[2] = turned(minus_i(even2, odd2), w, 1);
    v[3] = turned(plus_i(even2, odd2), w, 2);
    v[4] = turned(plus_i(even1, odd1), w, 3);
  }
  static CKERAS_MEMBER void butterfly(Lanes<T> (&v)[7], const Lanes<T>* w) {
    constexpr T kCos[] = {static_cast<T>(0.62348980185873353053), static_cast<T>(-0.22252093395631440429),
                          static_cast<T>(-0.90096886790241912624)};
    constexpr T kSin[] = {static_cast<T>(0.78183148246802980871), static_cast<T>(0.97492791218182360702),
                          static_cast<T>(0.43388373911755812048)};
    const Lanes<T> a = v[1] + v[6], b = v[2] + v[5], c = v[3] + v[4];
    const Lanes<T> d = v[1] - v[6], e = v[2] - v[5], f = v[3] - v[4], none{V(0), V(0)};
    const Lanes<T> even1 = fma(kCos[0], a, fma(kCos[1], b, fma(kCos[2], c, v[0])));
    const Lanes<T> even2 = fma(kCos[1], a, fma(kCos[2], b, fma(kCos[0], c, v[0])));
    const Lanes<T> even3 = fma(kCos[2], a, fma(kCos[0], b, fma(kCos[1], c, v[0])));
    const Lanes<T> odd1 = fma(kSin[0], d, fma(kSin[1], e, fma(kSin[2], f, none)));
    const Lanes<T> odd2 = fma(kSin[1], d, fma(-kSin[2], e, fma(-kSin[0], f, none)));
    const Lanes<T> odd3 = fma(kSin[2], d, fma(-kSin[0], e, fma(kSin[1], f, none)));
    v[0] = v[0] + (a + b + c);
    v[1] = turned(minus_i(even1, odd1), w, 0);
    v[2] = turned(minus_i(even2, odd2), w, 1);
    v[3] = turned(minus_i(even3, odd3), w, 2);
    v[4] = turned(plus_i(even3, odd3), w, 3);
    v[5] = turned(plus_i(even2, odd2), w, 4);
    v[6] = turned(plus_i(even1, odd1), w, 5);
  }
  // w: null where all are 1.
  static CKERAS_MEMBER Lanes<T> turned(Lanes<T> v, const Lanes<T>* w, int64_t i) { return w == nullptr ? v : v * w[i]; }
  template <int kRadix>
  CKERAS_MEMBER void turns_of(int64_t p, Lanes<T>* w) const {
    CKERAS_UNROLL
    for (int64_t i = 1; i < kRadix; ++i) w[i - 1] = all(turns_, i * p);
  }
  // Results of a butterfly of numbers `from` apart in x, `to` apart in y.
  template <int kRadix>
  static CKERAS_MEMBER void step(const T* x, int64_t from, const Lanes<T>* w, T* y, int64_t to) {
    Lanes<T> v[kRadix];
    CKERAS_UNROLL
    for (int64_t i = 0; i < kRadix; ++i) v[i] = Lanes<T>::load(x + i * from);
    butterfly(v, w);
    CKERAS_UNROLL
    for (int64_t i = 0; i < kRadix; ++i) v[i].store(y + i * to);
  }
  template <int kRadix>
  void pass(const T* x, T* y, int64_t part, int64_t apart) const {
    const int64_t from = apart * part * kPlace, to = apart * kPlace;
    if (part == 1) {
      for (int64_t q = 0; q < apart; ++q) step<kRadix>(x + q * kPlace, from, nullptr, y + q * kPlace, to);
      return;
    }
    for (int64_t p = 0; p < part; ++p) {
      Lanes<T> w[kRadix - 1];
      turns_of<kRadix>(p * apart, w);
      for (int64_t q = 0; q < apart; ++q) {
        step<kRadix>(x + (q + apart * p) * kPlace, from, w, y + (q + apart * kRadix * p) * kPlace, to);
      }
    }
  }
  // A pass and the next, whose butterflies have the results of four of this one's: numbers are read and written once.
  // read(k, i), write(i, k, v): of the numbers for p and q.
  template <class Read, class Write>
  CKERAS_MEMBER void sixteen(int64_t p, int64_t next, int64_t apart, const Read& read, const Write& write) const {
    Lanes<T> v[4][4], w[3];
    CKERAS_UNROLL
    for (int64_t k = 0; k < 4; ++k) {
      CKERAS_UNROLL
      for (int64_t i = 0; i < 4; ++i) v[k][i] = read(k, i);
      turns_of<4>((p + k * next) * apart, w);
      butterfly(v[k], w);
    }
    turns_of<4>(4 * p * apart, w);
    CKERAS_UNROLL
    for (int64_t i = 0; i < 4; ++i) {
      Lanes<T> u[4] = {v[0][i], v[1][i], v[2][i], v[3][i]};
      butterfly(u, next == 1 ? nullptr : w);
      CKERAS_UNROLL
      for (int64_t k = 0; k < 4; ++k) write(i, k, u[k]);
    }
  }
  template <bool kLast>
  void two_passes(const T* x, T* y, int64_t next, int64_t apart) const {
    const int64_t across = apart * next * kPlace, along = apart * kPlace;
    for (int64_t p = 0; p < next; ++p) {
      for (int64_t q = 0; q < apart; ++q) {
        const T* const from = x + (q + apart * p) * kPlace;
        T* const to = y + (q + apart * 16 * p) * kPlace;
        sixteen(
            p, kLast ? 1 : next, apart,
            [=](int64_t k, int64_t i)
                __attribute__((always_inline)) { return Lanes<T>::load(from + (k + 4 * i) * across); },
            [=](int64_t i, int64_t k, Lanes<T> v)
                __attribute__((always_inline)) { v.store(to + (i + 4 * k) * along); });
      }
    }
  }

  int64_t n_, m_;
  Complexes<T> turns_, chirp_, filter_;
};

}  // namespace
}  // namespace ckeras::CKERAS_ISA
