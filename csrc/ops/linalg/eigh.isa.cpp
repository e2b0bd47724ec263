// Eigenvalues of symmetric matrices: tridiagonal by reflections, then the QL algorithm with implicit shifts (H.
// Bowdler, R. S. Martin, C. Reinsch, J. H. Wilkinson, "The QR and QL algorithms for symmetric matrices", 1968).
#include "cpu/parallel.h"
#include "ops/linalg/linalg.h"
#include "ops/linalg/order.h"
#include "ops/linalg/reflectors.h"
#include "ops/linalg/room.h"
#include "ops/linalg/rotations.h"
#include "ops/linalg/vectors.h"

namespace ckeras::CKERAS_ISA {
namespace {

// d and e, the diagonal and what is beside it, e[i] between i and i + 1, of numbers of about 1. The eigenvalues are
// left in d; false when they are not found in a bounded number of steps.
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

template <class T>
struct Eigh {
  int64_t count, n, work;

  explicit Eigh(const Call& call) noexcept
      : count(matrices_of(call.in[0])), n(rows_of(call.in[0])), work(6 * n * n * n + 200 * n * n) {}

  struct Buffers {
    T *a, *v, *tau, *p, *room;
    double *d, *e;
    int64_t* order;
    Rotations<T> rotations;
    Buffers(Room& room, const Eigh& s) noexcept
        : a(room.take<T>(s.n * s.n)),
          v(room.take<T>(s.n * s.n)),
          tau(room.take<T>(s.n)),
          p(room.take<T>(s.n)),
          room(room.take<T>(block_room<T>(s.n, s.n))),
          d(room.take<double>(s.n)),
          e(room.take<double>(s.n + 1)),
          order(room.take<int64_t>(s.n)),
          rotations(v, s.n, s.n, room) {}
  };

  // Reflection k, which leaves of row k the places up to k + 1, is kept in row k from place k + 1 on.
  void tridiagonalise(const Buffers& at) const noexcept {
    T *const a = at.a, *const p = at.p;
    for (int64_t k = 0; k + 1 < n; ++k) {
      T* const v = a + k * n + k + 1;
      const int64_t rest = n - k - 1;
      at.d[k] = a[k * n + k];
      at.e[k] = make_reflector(v, rest, at.tau + k);
      const T tau = at.tau[k];
      if (tau == 0) continue;
      T* const first = a + (k + 1) * n + k + 1;
      const int64_t grain = most(1, (int64_t{1} << 16) / rest);
      parallel_for(rest, grain, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) p[i] = tau * dot(first + i * n, v, rest);
      });
      add_scaled(p, T(-0.5) * tau * dot(p, v, rest), v, rest);
      parallel_for(rest, grain, [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) subtract_both(first + i * n, v[i], p, p[i], v, rest);
      });
    }
    if (n > 0) at.d[n - 1] = a[n * n - 1];
  }

  // row -= x p + y v
  static void subtract_both(T* row, T x, const T* p, T y, const T* v, int64_t count) noexcept {
    using V = VecOf<T>;
    const V a(x), b(y);
    for_lanes<V::kLanes>(count, [&](int64_t i, int64_t left) __attribute__((always_inline)) {
      fnma(b, V::load(v + i, left), fnma(a, V::load(p + i, left), V::load(row + i, left))).store(row + i, left);
    });
  }

  void run(const Call& call, int64_t index, Buffers& at) const noexcept {
    T* const values = call.out[0].as<T>() + index * n;
    T* const vectors = call.out[1].as<T>() + index * n * n;
    mean_with_turned(call.in[0].as<const T>() + index * n * n, n, at.a);
    const T size = largest(at.a, n * n);
    if (!finite(size)) return report(call, kNoConvergence, 0, n);
    const T factor = unit_scale(size);
    scale(at.a, factor, n * n);
    tridiagonalise(at);
    accumulate(Reflectors<T>{at.a, n, at.tau, most(n - 1, 0), 1, n}, at.v, n, n, at.room);
    if (!diagonalise(at.d, at.e, n, at.rotations)) return report(call, kNoConvergence, 0, n);
    sort_places(at.d, n, at.order, false);
    for (int64_t i = 0; i < n; ++i) {
      T* const row = at.v + at.order[i] * n;
      values[i] = static_cast<T>(at.d[at.order[i]]) / factor;
      put_column(row, n, largest_is_negative(row, n), vectors + i, n);
    }
  }
};

}  // namespace

extern const Kernel linalg_eigh;
constinit const Kernel linalg_eigh = Solvers<Eigh>::kernel();

}  // namespace ckeras::CKERAS_ISA
