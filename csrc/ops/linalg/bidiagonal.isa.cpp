#include "ops/linalg/bidiagonal.h"

#include "cpu/parallel.h"
#include "ops/linalg/reflectors.h"
#include "ops/linalg/vectors.h"

namespace ckeras::CKERAS_ISA {
namespace {

constexpr int64_t kPieceElements = int64_t{1} << 16, kMostPieces = 32;
constexpr int kRows = 4;

// Vectors of what is left, ld apart: what the step before subtracts, u z + y w, is subtracted when this one passes over
// the rows for its own z. `column`: the one right of the diagonal, as the rows have it. `parts`: z of each piece.
template <class T>
struct Step {
  T *z, *old_z, *w, *y, *column, *parts;
  Step(T* room, int64_t ld) noexcept
      : z(room), old_z(z + ld), w(old_z + ld), y(w + ld), column(y + ld), parts(column + ld) {}
};

// Of R rows, those numbered i: row -= u[i] old_z + y[i] w; part += left[i] row.
template <class T, int R>
CKERAS_INLINE void renew_rows(T* row, int64_t i, int64_t start, int64_t ld, const T* u, const Step<T>& at,
                              const T* left, T* part) {
  using V = VecOf<T>;
  V x[R], y[R], share[R];
  CKERAS_UNROLL
  for (int r = 0; r < R; ++r) {
    x[r] = V(u[i + r]);
    y[r] = V(at.y[i + r]);
    share[r] = V(left[i + r]);
  }
  for (int64_t j = start; j < ld; j += V::kLanes) {
    const V a = V::load(at.old_z + j), b = V::load(at.w + j);
    V sum = V::load(part + j);
    CKERAS_UNROLL
    for (int r = 0; r < R; ++r) {
      const V renewed = fnma(y[r], b, fnma(x[r], a, V::load(row + r * ld + j)));
      renewed.store(row + r * ld + j);
      sum = fma(share[r], renewed, sum);
    }
    sum.store(part + j);
  }
}

// Of R rows the products with w, each lane one chain, to y.
template <class T, int R>
CKERAS_INLINE void multiply_rows(const T* row, int64_t start, int64_t ld, const T* w, T* y) {
  using V = VecOf<T>;
  V sum[R];
  CKERAS_UNROLL
  for (int r = 0; r < R; ++r) sum[r] = V(T{0});
  for (int64_t j = start; j < ld; j += V::kLanes) {
    const V b = V::load(w + j);
    CKERAS_UNROLL
    for (int r = 0; r < R; ++r) sum[r] = fma(V::load(row + r * ld + j), b, sum[r]);
  }
  CKERAS_UNROLL
  for (int r = 0; r < R; ++r) y[r] = reduce_add(sum[r]);
}

template <int R>
struct Together {
  static constexpr int kCount = R;
};

// body(Together<R>, i) for the rows from begin to end, so many at a time.
template <class Body>
CKERAS_INLINE void by_rows(int64_t begin, int64_t end, const Body& body) {
  int64_t i = begin;
  for (; i + kRows <= end; i += kRows) body(Together<kRows>{}, i);
  for (; i < end; ++i) body(Together<1>{}, i);
}

CKERAS_INLINE int64_t rows_of_piece(int64_t rows) {
  return round_up(most(most(1, kPieceElements / rows), ceil_div(rows, kMostPieces)), kRows);
}

}  // namespace

template <class T>
int64_t bidiagonal_room(int64_t ld) noexcept {
  return (5 + kMostPieces) * ld;
}

template <class T>
void bidiagonalise(T* b, int64_t n, int64_t ld, T* u, T* tau_u, T* tau_v, double* d, double* e, T* room) noexcept {
  Step<T> at(room, ld);
  fill(room, T{0}, 5 * ld);  // z, w: zeros before their first place and after n, so that vectors are whole
  const T* before = at.y;    // zeros
  for (int64_t k = 0; k < n; ++k) {
    T *const left = u + k * ld, *const row = b + k * ld;
    const int64_t rest = n - k - 1, start = (k + 1) / VecOf<T>::kLanes * VecOf<T>::kLanes;
    for (int64_t i = k; i < n; ++i) {
      left[i] = k == 0 ? b[i * ld] : fma(-at.y[i], at.w[k], fma(-before[i], at.z[k], at.column[i]));
    }
    d[k] = make_reflector(left + k, n - k, tau_u + k);
    tau_v[k] = 0;
    if (rest == 0) return;
    T* const kept = at.old_z;
    at.old_z = at.z;
    at.z = kept;
    const int64_t grain = rows_of_piece(n - k), pieces = ceil_div(n - k, grain);
    parallel_for(n - k, grain, [&](int64_t begin, int64_t end) {
      T* const part = at.parts + begin / grain * ld;
      fill(part + start, T{0}, ld - start);
      by_rows(k + begin, k + end, [&](auto count, int64_t i) __attribute__((always_inline)) {
        renew_rows<T, decltype(count)::kCount>(b + i * ld, i, start, ld, before, at, left, part);
        for (int r = 0; r < decltype(count)::kCount; ++r) at.column[i + r] = b[(i + r) * ld + k + 1];
      });
    });
    fill(at.z, T{0}, k + 1);
    __builtin_memcpy(at.z + k + 1, at.parts + k + 1, (ld - k - 1) * sizeof(T));
    for (int64_t i = 1; i < pieces; ++i) add_scaled(at.z + k + 1, T{1}, at.parts + i * ld + k + 1, ld - k - 1);
    scale(at.z + k + 1, tau_u[k], ld - k - 1);
    add_scaled(row + k + 1, -left[k], at.z + k + 1, rest);
    e[k] = make_reflector(row + k + 1, rest, tau_v + k);
    fill(at.w + start, T{0}, k + 1 - start);
    __builtin_memcpy(at.w + k + 1, row + k + 1, rest * sizeof(T));
    const T tau = tau_v[k], both = dot(at.z + k + 1, at.w + k + 1, rest);
    parallel_for(rest, rows_of_piece(rest), [&](int64_t begin, int64_t end) {
      by_rows(k + 1 + begin, k + 1 + end, [&](auto count, int64_t i) __attribute__((always_inline)) {
        multiply_rows<T, decltype(count)::kCount>(b + i * ld, start, ld, at.w, at.y + i);
        for (int r = 0; r < decltype(count)::kCount; ++r) at.y[i + r] = tau * fma(-left[i + r], both, at.y[i + r]);
      });
    });
    before = left;
  }
}
template int64_t bidiagonal_room<float>(int64_t) noexcept;
template int64_t bidiagonal_room<double>(int64_t) noexcept;
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
