#include "ops/linalg/tridiagonal.h"

#include "ops/linalg/vectors.h"

namespace ckeras::CKERAS_ISA {

template <class T>
bool diagonalise(double* d, double* e, int64_t n, Rotations<T>& rotations) noexcept {
  constexpr double kSmall = sizeof(T) == 4 ? 0x1p-32 : 0x1p-53;  // float32 results need no more
  double norm = 0;
  for (int64_t i = 0; i < n; ++i) norm = max(norm, max(__builtin_fabs(d[i]), i + 1 < n ? __builtin_fabs(e[i]) : 0.0));
  const double nothing = norm * kSmall * 0x1p-4;
  int64_t left = 40 * n;
  for (int64_t l = 0; l < n; ++l) {
    for (;; --left) {
      int64_t m = l;
      for (; m + 1 < n; ++m) {
        const double size = __builtin_fabs(e[m]);
        if (size <= nothing || size <= kSmall * (__builtin_fabs(d[m]) + __builtin_fabs(d[m + 1]))) break;
      }
      if (m == l) break;
      if (left <= 0) return false;
      // The eigenvalue of the first two rows that is nearer to d[l].
      const double half = (d[l + 1] - d[l]) / (2 * e[l]), root = __builtin_sqrt(half * half + 1);
      double g = d[m] - d[l] + e[l] / (half + (half < 0 ? -root : root));
      double s = 1, c = 1, p = 0;
      rotations.begin(m, -1);
      int64_t i = m - 1;
      for (; i >= l; --i) {
        const double f = s * e[i], b = c * e[i];
        const double r = __builtin_sqrt(f * f + g * g);
        e[i + 1] = r;
        if (r == 0) break;
        s = f / r;
        c = g / r;
        g = d[i + 1] - p;
        const double t = (d[i] - g) * s + 2 * c * b;
        p = s * t;
        d[i + 1] = g + p;
        g = c * t - b;
        rotations.add(c, s);
      }
      if (i >= l) {
        d[i + 1] -= p;
      } else {
        d[l] -= p;
        e[l] = g;
      }
      e[m] = 0;
    }
    e[l] = 0;
  }
  rotations.apply();
  return true;
}

template bool diagonalise<float>(double*, double*, int64_t, Rotations<float>&) noexcept;
template bool diagonalise<double>(double*, double*, int64_t, Rotations<double>&) noexcept;

}  // namespace ckeras::CKERAS_ISA
