#include "ops/linalg/bidiagonal.h"

#include "cpu/parallel.h"
#include "ops/linalg/reflectors.h"
#include "ops/linalg/vectors.h"

namespace ckeras::CKERAS_ISA {
namespace {

constexpr int64_t kPieceElements = int64_t{1} << 16;

// z = the sum over i of u[i] times row i of x, in rising i.
template <class T>
void sum_rows(const T* x, int64_t ld, const T* u, int64_t rows, T* z, int64_t columns) noexcept {
  using V = VecOf<T>;
  constexpr int64_t kTogether = 4, kStripe = 4 * V::kLanes;
  const int64_t stripes = ceil_div(columns, kStripe), grain = most(1, kPieceElements / (rows * kStripe));
  parallel_for(stripes, grain, [&](int64_t begin, int64_t end) {
    const int64_t last = least(columns, end * kStripe);
    int64_t j = begin * kStripe;
    for (; j + kStripe <= last; j += kStripe) {
      V sum[kTogether] = {V(T{0}), V(T{0}), V(T{0}), V(T{0})};
      for (int64_t i = 0; i < rows; ++i) {
        const V factor(u[i]);
        CKERAS_UNROLL
        for (int64_t v = 0; v < kTogether; ++v) sum[v] = fma(factor, V::load(x + i * ld + j + v * V::kLanes), sum[v]);
      }
      CKERAS_UNROLL
      for (int64_t v = 0; v < kTogether; ++v) sum[v].store(z + j + v * V::kLanes);
    }
    for (; j < last; j += V::kLanes) {
      V sum(T{0});
      for (int64_t i = 0; i < rows; ++i) sum = fma(V(u[i]), V::load(x + i * ld + j, last - j), sum);
      sum.store(z + j, last - j);
    }
  });
}

}  // namespace

template <class T>
void bidiagonalise(T* b, int64_t n, T* u, T* tau_u, T* tau_v, double* d, double* e, T* z) noexcept {
  for (int64_t k = 0; k < n; ++k) {
    T* const left = u + k * n + k;
    const int64_t rest = n - k - 1;
    for (int64_t i = k; i < n; ++i) left[i - k] = b[i * n + k];
    d[k] = make_reflector(left, n - k, tau_u + k);
    tau_v[k] = 0;
    if (rest == 0) return;
    T* const row = b + k * n + k + 1;
    const T tau = tau_u[k];
    if (tau != 0) {
      sum_rows(row, n, left, n - k, z, rest);
      scale(z, tau, rest);
      add_scaled(row, -left[0], z, rest);
    }
    e[k] = make_reflector(row, rest, tau_v + k);
    const T tau_right = tau_v[k];
    parallel_for(rest, most(1, kPieceElements / rest), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        T* const other = row + (i + 1) * n;
        if (tau != 0) add_scaled(other, -left[i + 1], z, rest);
        reflect(row, tau_right, other, rest);
      }
    });
  }
}
template void bidiagonalise<float>(float*, int64_t, float*, float*, float*, double*, double*, float*) noexcept;
template void bidiagonalise<double>(double*, int64_t, double*, double*, double*, double*, double*, double*) noexcept;

namespace {

CKERAS_INLINE double size_of(double x) { return __builtin_fabs(x); }

// The smaller singular value of (f g; 0 h), without overflow or needless loss (as LAPACK's formulas have it: J. Demmel
// and W. Kahan, 1990).
double smaller_value(double f, double g, double h) noexcept {
  f = size_of(f);
  g = size_of(g);
  h = size_of(h);
  const double low = f < h ? f : h, high = f < h ? h : f;
  if (low == 0) return 0;
  const double sum = 1 + low / high, gap = (high - low) / high;
  if (g < high) {
    const double ratio = g / high * (g / high);
    return low * (2 / (__builtin_sqrt(sum * sum + ratio) + __builtin_sqrt(gap * gap + ratio)));
  }
  const double ratio = high / g;
  if (ratio == 0) return low * high / g;
  const double a = sum * ratio, b = gap * ratio;
  return 2 * (low * (1 / (__builtin_sqrt(1 + a * a) + __builtin_sqrt(1 + b * b))) * ratio);
}

// One step on rows lo to hi.
template <class T>
void plain_step(double* d, double* e, int64_t lo, int64_t hi, Rotations<T>& u, Rotations<T>& v) noexcept {
  Givens right{1, 0, 0}, left{1, 0, 0};
  for (int64_t i = lo; i < hi; ++i) {
    right = givens(d[i] * right.c, e[i]);
    if (i > lo) e[i - 1] = left.s * right.r;
    left = givens(left.c * right.r, d[i + 1] * right.s);
    d[i] = left.r;
    v.add(right.c, right.s);
    u.add(left.c, left.s);
  }
  const double end = d[hi] * right.c;
  d[hi] = end * left.c;
  e[hi - 1] = end * left.s;
}

template <class T>
void shifted_step(double* d, double* e, int64_t lo, int64_t hi, double shift, Rotations<T>& u,
                  Rotations<T>& v) noexcept {
  double f = (size_of(d[lo]) - shift) * ((d[lo] < 0 ? -1 : 1) + shift / d[lo]), g = e[lo];
  for (int64_t i = lo; i < hi; ++i) {
    const Givens right = givens(f, g);
    if (i > lo) e[i - 1] = right.r;
    f = right.c * d[i] + right.s * e[i];
    e[i] = right.c * e[i] - right.s * d[i];
    g = right.s * d[i + 1];
    d[i + 1] = right.c * d[i + 1];
    const Givens left = givens(f, g);
    d[i] = left.r;
    f = left.c * e[i] + left.s * d[i + 1];
    d[i + 1] = left.c * d[i + 1] - left.s * e[i];
    if (i + 1 < hi) {
      g = left.s * e[i + 1];
      e[i + 1] = left.c * e[i + 1];
    }
    v.add(right.c, right.s);
    u.add(left.c, left.s);
  }
  e[hi - 1] = f;
}

}  // namespace

template <class T>
bool diagonalise_bidiagonal(double* d, double* e, int64_t n, Rotations<T>& u, Rotations<T>& v) noexcept {
  constexpr double kSmall = sizeof(T) == 4 ? 0x1p-32 : 0x1p-53;  // float32 results need no more
  double norm = 0;
  for (int64_t i = 0; i < n; ++i) norm = max(norm, max(size_of(d[i]), i + 1 < n ? size_of(e[i]) : 0.0));
  const double nothing = norm * kSmall * 0x1p-4;
  int64_t left = 60 * n;
  for (int64_t hi = n - 1; hi > 0;) {
    int64_t lo = hi;
    for (; lo > 0; --lo) {
      const double beside = size_of(e[lo - 1]);
      if (beside > nothing && beside > kSmall * (size_of(d[lo - 1]) + size_of(d[lo]))) continue;
      e[lo - 1] = 0;
      break;
    }
    if (lo == hi) {
      --hi;
      continue;
    }
    if (left-- <= 0) return false;
    bool singular = false;
    for (int64_t i = lo; i <= hi; ++i) {
      if (size_of(d[i]) <= nothing) {
        d[i] = 0;
        singular = true;
      }
    }
    const double shift = singular ? 0 : smaller_value(d[hi - 1], e[hi - 1], d[hi]);
    const double share = singular ? 0 : shift / d[lo];
    u.begin(lo, 1);
    v.begin(lo, 1);
    if (share * share < 0x1p-52) {
      plain_step(d, e, lo, hi, u, v);
    } else {
      shifted_step(d, e, lo, hi, shift, u, v);
    }
  }
  u.apply();
  v.apply();
  return true;
}
template bool diagonalise_bidiagonal<float>(double*, double*, int64_t, Rotations<float>&, Rotations<float>&) noexcept;
template bool diagonalise_bidiagonal<double>(double*, double*, int64_t, Rotations<double>&,
                                             Rotations<double>&) noexcept;

}  // namespace ckeras::CKERAS_ISA
