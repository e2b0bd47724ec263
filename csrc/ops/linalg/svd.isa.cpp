// Singular values: QR of what is not square, then the square triangle's. Of a wide matrix those of its transpose, so
// that `long_side` vectors, [k, max(m, n)], and `short_side` ones, [k, k], are rows, k = min(m, n).
#include "ops/linalg/bidiagonal.h"
#include "ops/linalg/bidiagonal_halves.h"
#include "ops/linalg/linalg.h"
#include "ops/linalg/order.h"
#include "ops/linalg/qr.h"
#include "ops/linalg/room.h"

namespace ckeras::CKERAS_ISA {
namespace {

template <class T>
struct Values {
  // `whole`: how many vectors the long side has, 0 of none wanted. Rows of k are `ld` apart.
  int64_t count, m, n, length, k, ld, whole, work;

  Values(const Call& call, int64_t vectors) noexcept
      : count(matrices_of(call.in[0])),
        m(rows_of(call.in[0])),
        n(columns_of(call.in[0])),
        length(most(m, n)),
        k(least(m, n)),
        ld(round_up(k, VecOf<T>::kLanes)),
        whole(vectors),
        work(4 * length * k * k + (vectors ? 12 : 2) * k * k * k + 300 * k * k) {}

  bool wide() const noexcept { return m < n; }
  bool halves() const noexcept { return whole && k > kLeafRows; }

  struct Buffers {
    T *w, *tau, *diagonal, *b, *u, *tau_u, *tau_v, *z, *ut, *vt, *q, *product, *room;
    double *d, *e;
    int64_t *order, long_ld;
    Rotations<T> turn_u, turn_v;
    BidiagonalHalving<T> halving;
    Buffers(Room& room, const Values& s) noexcept
        : w(room.take<T>(s.k * s.length)),
          tau(room.take<T>(s.k)),
          diagonal(room.take<T>(s.k)),
          b(room.take<T>(s.k * s.ld)),
          u(room.take<T>(s.k * s.ld)),
          tau_u(room.take<T>(s.k)),
          tau_v(room.take<T>(s.k)),
          z(room.take<T>(bidiagonal_room<T>(s.ld))),
          ut(s.whole ? room.take<T>(s.k * s.ld) : nullptr),
          vt(s.whole ? room.take<T>(s.k * s.ld) : nullptr),
          q(s.whole && s.length > s.k ? room.take<T>(s.whole * s.length) : nullptr),
          product(s.whole && s.length > s.k ? room.take<T>(s.k * s.length) : nullptr),
          room(room.take<T>(block_room<T>(s.length, most(s.k, s.whole)))),
          d(room.take<double>(s.k)),
          e(room.take<double>(s.k + 1)),
          order(room.take<int64_t>(s.k)),
          long_ld(s.length > s.k ? s.length : s.ld),
          turn_u(ut, s.k, s.ld, room),
          turn_v(vt, s.k, s.ld, room),
          halving(ut, vt, s.halves() ? s.k : 0, s.ld, room) {}

    const T* long_side() const { return product != nullptr ? product : ut; }
    const T* short_side() const { return vt; }
    T* long_room() const { return product != nullptr ? w : b; }  // spent when the vectors are found
  };

  // d, the order, and the vectors where they are wanted: w = factor * (the long side's) d (the short side's). 0 for a
  // failure.
  T solve(const Call& call, int64_t index, Buffers& at) const noexcept {
    const T* const x = call.in[0].as<const T>() + index * m * n;
    const T size = largest(x, m * n);
    if (!finite(size)) return 0;
    const T factor = unit_scale(size);
    if (wide()) {
      copy_all(at.w, x, m * n);
    } else {
      turn(x, n, m, n, at.w, m);
    }
    scale(at.w, factor, m * n);
    if (length > k) {
      factor_qr(at.w, k, length, at.tau, at.diagonal, at.room);
      for (int64_t i = 0; i < k; ++i) {
        for (int64_t j = 0; j < k; ++j) {
          at.b[i * ld + j] = j < i ? T{0} : j == i ? at.diagonal[i] : at.w[j * length + i];
        }
      }
    } else {
      turn(at.w, k, k, k, at.b, ld);
    }
    for (int64_t i = 0; i < k; ++i) fill(at.b + i * ld + k, T{0}, ld - k);
    bidiagonalise(at.b, k, ld, at.u, at.tau_u, at.tau_v, at.d, at.e, at.z);
    if (!diagonalise_both(at)) return 0;
    if (whole && length > k) {
      accumulate(Reflectors<T>{at.w, length, at.tau, k, 0, length}, at.q, length, whole, at.room);
      multiply_into(Into::Set, k, length, k, {at.ut, ld, true}, {at.q, length, false}, at.product, length);
    }
    return factor;
  }

  // d and the vectors of the square, of its reflections and its two diagonals.
  bool diagonalise_both(Buffers& at) const noexcept {
    const Reflectors<T> left{at.u, ld, at.tau_u, k, 0, k}, right{at.b, ld, at.tau_v, most(k - 1, 0), 1, k};
    if (halves()) {
      if (!at.halving.solve(at.d, at.e)) return false;
      apply_all(left, at.ut, ld, k, at.room);
      apply_all(right, at.vt, ld, k, at.room);
      return true;
    }
    if (whole) {
      accumulate(left, at.ut, ld, k, at.room);
      accumulate(right, at.vt, ld, k, at.room);
      for (int64_t i = 0; i < k; ++i) {
        fill(at.ut + i * ld + k, T{0}, ld - k);
        fill(at.vt + i * ld + k, T{0}, ld - k);
      }
    }
    return diagonalise_bidiagonal(at.d, at.e, k, at.turn_u, at.turn_v);
  }

  // The values' sizes, falling, to s.
  void put_values(const Buffers& at, T factor, T* s) const noexcept {
    double* const sizes = at.e;
    for (int64_t i = 0; i < k; ++i) sizes[i] = __builtin_fabs(at.d[i]);
    sort_places(sizes, k, at.order, true);
    for (int64_t i = 0; i < k; ++i) s[i] = static_cast<T>(sizes[at.order[i]]) / factor;
  }
};

template <class T>
struct SingularValues : Values<T> {
  explicit SingularValues(const Call& call) noexcept : Values<T>(call, 0) {}
  void run(const Call& call, int64_t index, typename Values<T>::Buffers& at) const noexcept {
    const T factor = this->solve(call, index, at);
    if (factor == 0) return report(call, kNoConvergence, 0, this->k);
    this->put_values(at, factor, call.out[0].as<T>() + index * this->k);
  }
};

template <class T>
struct Svd : Values<T> {
  using Values<T>::m, Values<T>::n, Values<T>::k, Values<T>::length, Values<T>::whole;
  int64_t u_columns, v_rows;

  explicit Svd(const Call& call) noexcept
      : Values<T>(call, most(columns_of(call.out[0]), rows_of(call.out[2]))),
        u_columns(columns_of(call.out[0])),
        v_rows(rows_of(call.out[2])) {}

  void run(const Call& call, int64_t index, typename Values<T>::Buffers& at) const noexcept {
    T* const u = call.out[0].as<T>() + index * m * u_columns;
    T* const v = call.out[2].as<T>() + index * v_rows * n;
    const T factor = this->solve(call, index, at);
    if (factor == 0) return report(call, kNoConvergence, 0, k);
    this->put_values(at, factor, call.out[1].as<T>() + index * k);
    const int64_t left_ld = this->wide() ? this->ld : at.long_ld, right_ld = this->wide() ? at.long_ld : this->ld;
    const T* const left = this->wide() ? at.short_side() : at.long_side();
    const T* const right = this->wide() ? at.long_side() : at.short_side();
    put_columns(left, left_ld, at.order, k, m, this->wide() ? at.b : at.long_room(), u, u_columns,
                [&](int64_t i, int64_t from, bool negated) {
                  put_column(right + from * right_ld, n, negated != (at.d[from] < 0), v + i * n, 1);
                });
    for (int64_t i = k; i < whole; ++i) {  // those that complete the longer side
      const T* const row = at.q + i * length;
      put_column(row, length, largest_is_negative(row, length), this->wide() ? v + i * n : u + i,
                 this->wide() ? 1 : u_columns);
    }
  }
};

// floats: values up to this share of the largest count as zero.
template <class T>
struct Pinv : Values<T> {
  explicit Pinv(const Call& call) noexcept : Values<T>(call, least(rows_of(call.in[0]), columns_of(call.in[0]))) {}
  void run(const Call& call, int64_t index, typename Values<T>::Buffers& at) const noexcept {
    const int64_t m = this->m, n = this->n, k = this->k;
    const T factor = this->solve(call, index, at);
    if (factor == 0) return report(call, kNoConvergence, 0, k);
    double size = 0;
    for (int64_t i = 0; i < k; ++i) size = max(size, __builtin_fabs(at.d[i]));
    for (int64_t i = 0; i < k; ++i) {
      const bool counts = __builtin_fabs(at.d[i]) > size * call.floats[0];
      scale(at.vt + i * this->ld, counts ? static_cast<T>(1 / at.d[i]) : T{0}, k);
    }
    const Matrix<T> a{at.short_side(), this->ld, false}, b{at.long_side(), at.long_ld, false};
    T* const to = call.out[0].as<T>() + index * m * n;
    multiply_into(Into::Set, n, m, k, this->wide() ? b : a, this->wide() ? a : b, to, m);
    scale(to, factor, m * n);
  }
};

}  // namespace

extern const Kernel linalg_svd, linalg_singular_values, linalg_pinv;
constinit const Kernel linalg_svd = Solvers<Svd>::kernel();
constinit const Kernel linalg_singular_values = Solvers<SingularValues>::kernel();
constinit const Kernel linalg_pinv = Solvers<Pinv>::kernel();

}  // namespace ckeras::CKERAS_ISA
