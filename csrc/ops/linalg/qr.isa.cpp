#include "ops/linalg/qr.h"

#include "ops/linalg/linalg.h"
#include "ops/linalg/room.h"
#include "ops/linalg/vectors.h"

namespace ckeras::CKERAS_ISA {

template <class T>
void factor_qr(T* w, int64_t n, int64_t m, T* tau, T* diagonal, T* room) noexcept {
  const int64_t k = least(m, n);
  for (int64_t first = 0; first < k; first += kSolverBlock) {
    const int64_t last = least(k, first + kSolverBlock);
    for (int64_t i = first; i < last; ++i) {
      diagonal[i] = make_reflector(w + i * m + i, m - i, tau + i);
      for (int64_t j = i + 1; j < last; ++j) reflect(w + i * m + i, tau[i], w + j * m + i, m - i);
    }
    const Reflectors<T> set{w, m, tau, k, 0, m};
    apply_block(set, first, last, false, w + last * m, m, n - last, room);
  }
}
template void factor_qr<float>(float*, int64_t, int64_t, float*, float*, float*) noexcept;
template void factor_qr<double>(double*, int64_t, int64_t, double*, double*, double*) noexcept;

namespace {

template <class T>
struct Qr {
  int64_t count, m, n, k, columns, work;  // of Q: `columns`

  explicit Qr(const Call& call) noexcept
      : count(matrices_of(call.in[0])),
        m(rows_of(call.in[0])),
        n(columns_of(call.in[0])),
        k(least(m, n)),
        columns(columns_of(call.out[0])),
        work(2 * m * k * (n + columns)) {}

  struct Buffers {
    T *w, *q, *tau, *diagonal, *factors, *room;  // the columns' factors, of which Q knows nothing
    Buffers(Room& room, const Qr& s) noexcept
        : w(room.take<T>(s.m * s.n)),
          q(room.take<T>(s.m * s.columns)),
          tau(room.take<T>(s.k)),
          diagonal(room.take<T>(s.k)),
          factors(room.take<T>(s.n)),
          room(room.take<T>(block_room<T>(s.m, most(s.n, s.columns)))) {}
  };

  void run(const Call& call, int64_t index, const Buffers& at) const noexcept {
    T* const r = call.out[1].as<T>() + index * columns * n;
    const T* const x = call.in[0].as<const T>() + index * m * n;
    turn(x, n, m, n, at.w, m);
    for (int64_t j = 0; j < n; ++j) {
      at.factors[j] = safe_scale(largest(at.w + j * m, m));
      if (at.factors[j] != 1) scale(at.w + j * m, at.factors[j], m);
    }
    factor_qr(at.w, n, m, at.tau, at.diagonal, at.room);
    accumulate(Reflectors<T>{at.w, m, at.tau, k, 0, m}, at.q, m, columns, at.room);
    turn(at.q, m, columns, m, call.out[0].as<T>() + index * m * columns, columns);
    for (int64_t i = 0; i < columns; ++i) {
      for (int64_t j = 0; j < n; ++j) {
        r[i * n + j] = j < i ? T{0} : (j == i ? at.diagonal[i] : at.w[j * m + i]) / at.factors[j];
      }
    }
  }
};

}  // namespace

extern const Kernel linalg_qr;
constinit const Kernel linalg_qr = Solvers<Qr>::kernel();

}  // namespace ckeras::CKERAS_ISA
