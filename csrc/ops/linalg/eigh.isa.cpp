// Eigenvalues of symmetric matrices: tridiagonal by reflections, then by ops/linalg/tridiagonal.h.
#include "cpu/parallel.h"
#include "ops/linalg/linalg.h"
#include "ops/linalg/order.h"
#include "ops/linalg/reflectors.h"
#include "ops/linalg/room.h"
#include "ops/linalg/tridiagonal.h"
#include "ops/linalg/vectors.h"

namespace ckeras::CKERAS_ISA {
namespace {

template <class T>
struct Eigh {
  int64_t count, n, ld, work;  // rows are `ld` apart, aligned, zero after n

  explicit Eigh(const Call& call) noexcept
      : count(matrices_of(call.in[0])),
        n(rows_of(call.in[0])),
        ld(round_up(n, VecOf<T>::kLanes)),
        work(6 * n * n * n + 200 * n * n) {}

  struct Buffers {
    T *a, *vectors, *tau, *v, *room;
    double *d, *e;
    int64_t* order;
    Rotations<T> rotations;
    Halving<T> halving;
    Buffers(Room& room, const Eigh& s) noexcept
        : a(room.take<T>(s.n * s.ld)),
          vectors(room.take<T>(s.n * s.ld)),
          tau(room.take<T>(s.n)),
          v(room.take<T>(4 * s.ld)),
          room(room.take<T>(block_room<T>(s.n, s.n))),
          d(room.take<double>(s.n)),
          e(room.take<double>(s.n + 1)),
          order(room.take<int64_t>(s.n)),
          rotations(vectors, s.n, s.ld, room),
          halving(vectors, s.n > kLeafRows ? s.n : 0, s.ld, room) {}
  };

  // Reflection k, which leaves of row k the places up to k + 1, is kept in row k from place k + 1 on. What a reflection
  // does to a row is done when the next one wants its product with the row: memory is passed once a step. Vectors are
  // whole and aligned: v, p and w have zeros before their first place and after n.
  void tridiagonalise(const Buffers& at) const noexcept {
    T *v = at.v, *w = v + ld, *p = w + ld, *next = p + ld;  // v, w: the reflection before, this one; p, next alike
    fill(v, T{0}, 4 * ld);
    for (int64_t k = 0; k + 1 < n; ++k) {
      T* const row = at.a + k * ld;
      const int64_t rest = n - k - 1, start = (k + 1) / kLanes * kLanes;
      subtract_both(row + k, v[k], p + k, p[k], v + k, n - k);
      at.d[k] = row[k];
      at.e[k] = make_reflector(row + k + 1, rest, at.tau + k);
      fill(w + start, T{0}, k + 1 - start);
      __builtin_memcpy(w + k + 1, row + k + 1, rest * sizeof(T));
      parallel_for(rest, round_up(most(1, (int64_t{1} << 16) / rest), kRows), [&](int64_t begin, int64_t end) {
        for (int64_t i = k + 1 + begin; i < k + 1 + end; i += kRows) {
          if (i + kRows <= k + 1 + end) {
            renew_rows<kRows>(at.a + i * ld, i, start, v, p, w, next);
          } else {
            for (int64_t r = i; r < k + 1 + end; ++r) renew_rows<1>(at.a + r * ld, r, start, v, p, w, next);
          }
        }
      });
      const T tau = at.tau[k];
      fill(next + start, T{0}, k + 1 - start);
      scale(next + k + 1, tau, rest);
      add_scaled(next + k + 1, T(-0.5) * tau * dot(next + start, w + start, n - start), w + k + 1, rest);
      T* const kept_v = v;
      T* const kept_p = p;
      v = w;
      w = kept_v;
      p = next;
      next = kept_p;
    }
    if (n == 0) return;
    T* const last = at.a + (n - 1) * ld + n - 1;
    subtract_both(last, v[n - 1], p + n - 1, p[n - 1], v + n - 1, 1);
    at.d[n - 1] = *last;
  }

  static constexpr int64_t kLanes = VecOf<T>::kLanes;
  static constexpr int kRows = 4;

  // Of R rows from `row`, the one numbered i: row -= v[i] p + p[i] v, then next[i] = row w, each lane one chain.
  template <int R>
  CKERAS_MEMBER void renew_rows(T* row, int64_t i, int64_t start, const T* v, const T* p, const T* w,
                                T* next) const noexcept {
    using V = VecOf<T>;
    V sum[R], x[R], y[R];
    CKERAS_UNROLL
    for (int r = 0; r < R; ++r) {
      sum[r] = V(T{0});
      x[r] = V(v[i + r]);
      y[r] = V(p[i + r]);
    }
    for (int64_t j = start; j < ld; j += kLanes) {
      const V a = V::load(p + j), b = V::load(v + j), c = V::load(w + j);
      CKERAS_UNROLL
      for (int r = 0; r < R; ++r) {
        const V renewed = fnma(y[r], b, fnma(x[r], a, V::load(row + r * ld + j)));
        renewed.store(row + r * ld + j);
        sum[r] = fma(renewed, c, sum[r]);
      }
    }
    CKERAS_UNROLL
    for (int r = 0; r < R; ++r) next[i + r] = reduce_add(sum[r]);
  }

  // row -= x p + y v
  static CKERAS_MEMBER void subtract_both(T* row, T x, const T* p, T y, const T* v, int64_t count) noexcept {
    using V = VecOf<T>;
    const V a(x), b(y);
    for_lanes<kLanes>(count, [&](int64_t i, int64_t left) __attribute__((always_inline)) {
      fnma(b, V::load(v + i, left), fnma(a, V::load(p + i, left), V::load(row + i, left))).store(row + i, left);
    });
  }

  bool find_vectors(Buffers& at) const noexcept {
    const Reflectors<T> set{at.a, ld, at.tau, most(n - 1, 0), 1, n};
    if (n > kLeafRows) {
      if (!at.halving.solve(at.d, at.e)) return false;
      apply_all(set, at.vectors, ld, n, at.room);
      return true;
    }
    accumulate(set, at.vectors, ld, n, at.room);
    for (int64_t i = 0; i < n; ++i) fill(at.vectors + i * ld + n, T{0}, ld - n);
    return diagonalise(at.d, at.e, n, at.rotations);
  }

  void run(const Call& call, int64_t index, Buffers& at) const noexcept {
    T* const values = call.out[0].as<T>() + index * n;
    T* const vectors = call.out[1].as<T>() + index * n * n;
    const T* const x = call.in[0].as<const T>() + index * n * n;
    mean_with_turned(x, n, at.a, ld);
    const T size = largest(at.a, n * ld);
    if (!finite(size)) return report(call, kNoConvergence, 0, n);
    const T factor = unit_scale(size);
    scale(at.a, factor, n * ld);
    tridiagonalise(at);
    if (!find_vectors(at)) return report(call, kNoConvergence, 0, n);
    sort_places(at.d, n, at.order, false);
    put_columns(at.vectors, ld, at.order, n, n, at.a, vectors, n,
                [&](int64_t i, int64_t from, bool) { values[i] = static_cast<T>(at.d[from]) / factor; });
  }
};

}  // namespace

extern const Kernel linalg_eigh;
constinit const Kernel linalg_eigh = Solvers<Eigh>::kernel();

}  // namespace ckeras::CKERAS_ISA
