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

namespace {

constexpr int kRows = 4;

// Of R rows of places `start` to ld: row -= left[r] z, then row -= tau (row w) w, each lane of the product one chain.
template <class T, int R>
CKERAS_INLINE void renew_rows(T* row, int64_t start, int64_t ld, const T* left, const T* z, T tau, const T* w) {
  using V = VecOf<T>;
  V sum[R], x[R];
  CKERAS_UNROLL
  for (int r = 0; r < R; ++r) {
    sum[r] = V(T{0});
    x[r] = V(left[r]);
  }
  for (int64_t j = start; j < ld; j += V::kLanes) {
    const V a = V::load(z + j), b = V::load(w + j);
    CKERAS_UNROLL
    for (int r = 0; r < R; ++r) {
      const V renewed = fnma(x[r], a, V::load(row + r * ld + j));
      renewed.store(row + r * ld + j);
      sum[r] = fma(renewed, b, sum[r]);
    }
  }
  CKERAS_UNROLL
  for (int r = 0; r < R; ++r) x[r] = V(tau * reduce_add(sum[r]));
  for (int64_t j = start; j < ld; j += V::kLanes) {
    const V b = V::load(w + j);
    CKERAS_UNROLL
    for (int r = 0; r < R; ++r) fnma(x[r], b, V::load(row + r * ld + j)).store(row + r * ld + j);
  }
}

}  // namespace

template <class T>
void bidiagonalise(T* b, int64_t n, int64_t ld, T* u, T* tau_u, T* tau_v, double* d, double* e, T* z) noexcept {
  // z, w: zeros before their first place and after n, so that vectors are whole.
  T* const w = z + ld;
  fill(z, T{0}, 2 * ld);
  for (int64_t k = 0; k < n; ++k) {
    T* const left = u + k * ld;
    const int64_t rest = n - k - 1, start = (k + 1) / VecOf<T>::kLanes * VecOf<T>::kLanes;
    for (int64_t i = k; i < n; ++i) left[i] = b[i * ld + k];
    d[k] = make_reflector(left + k, n - k, tau_u + k);
    tau_v[k] = 0;
    if (rest == 0) return;
    T* const row = b + k * ld;
    sum_rows(row + start, ld, left + k, n - k, z + start, ld - start);
    scale(z + start, tau_u[k], ld - start);
    fill(z + start, T{0}, k + 1 - start);
    add_scaled(row + k + 1, -left[k], z + k + 1, rest);
    e[k] = make_reflector(row + k + 1, rest, tau_v + k);
    fill(w + start, T{0}, k + 1 - start);
    __builtin_memcpy(w + k + 1, row + k + 1, rest * sizeof(T));
    parallel_for(rest, round_up(most(1, kPieceElements / rest), kRows), [&](int64_t begin, int64_t end) {
      for (int64_t i = k + 1 + begin; i < k + 1 + end; i += kRows) {
        if (i + kRows <= k + 1 + end) {
          renew_rows<T, kRows>(b + i * ld, start, ld, left + i, z, tau_v[k], w);
        } else {
          for (int64_t r = i; r < k + 1 + end; ++r) renew_rows<T, 1>(b + r * ld, start, ld, left + r, z, tau_v[k], w);
        }
      }
    });
  }
}
template void bidiagonalise<float>(float*, int64_t, int64_t, float*, float*, float*, double*, double*, float*) noexcept;
template void bidiagonalise<double>(double*, int64_t, int64_t, double*, double*, double*, double*, double*,
                                    double*) noexcept;

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
