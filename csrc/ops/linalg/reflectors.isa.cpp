#include "ops/linalg/reflectors.h"

#include "ops/linalg/vectors.h"

namespace ckeras::CKERAS_ISA {
namespace {

constexpr int64_t kOneByOne = 16;  // so few reflections are applied one at a time

template <class T>
struct BlockRoom {
  T *v, *t, *gram, *g, *h;
  BlockRoom(T* room, int64_t length, int64_t rows) noexcept
      : v(room),
        t(v + kSolverBlock * length),
        gram(t + kSolverBlock * kSolverBlock),
        g(gram + kSolverBlock * kSolverBlock),
        h(g + rows * kSolverBlock) {}
};

}  // namespace

template <class T>
T make_reflector(T* x, int64_t n, T* tau) noexcept {
  *tau = 0;
  if (n <= 1) return n == 1 ? x[0] : T{0};
  T alpha = x[0];
  const T tail = largest(x + 1, n - 1);
  x[0] = 1;
  if (tail == 0) return alpha;
  const T factor = safe_scale(max(static_cast<T>(__builtin_fabs(alpha)), tail));
  if (factor != 1) {
    scale(x + 1, factor, n - 1);
    alpha *= factor;
  }
  const T norm = __builtin_sqrt(fma(alpha, alpha, dot(x + 1, x + 1, n - 1)));
  const T beta = __builtin_signbit(alpha) ? norm : -norm;
  *tau = (beta - alpha) / beta;
  scale(x + 1, 1 / (alpha - beta), n - 1);
  return beta / factor;
}

template <class T>
void reflect(const T* v, T tau, T* x, int64_t n) noexcept {
  if (tau != 0) add_scaled(x, -tau * dot(v, x, n), v, n);
}

template <class T>
int64_t block_room(int64_t length, int64_t rows) noexcept {
  return kSolverBlock * (length + 2 * kSolverBlock + 2 * rows);
}

template <class T>
void apply_block(const Reflectors<T>& set, int64_t first, int64_t last, bool turned, T* x, int64_t ld, int64_t rows,
                 T* room) noexcept {
  const int64_t begin = first + set.shift, length = set.length - begin, n = last - first;
  if (rows <= 0 || length <= 0) return;
  const BlockRoom<T> at(room, set.length, rows);
  for (int64_t i = 0; i < n; ++i) {
    T* const row = at.v + i * length;
    fill(row, T{0}, i);
    const T* const from = set.v + (first + i) * set.ld + begin;
    for_lanes<VecOf<T>::kLanes>(
        length - i, [&](int64_t j, int64_t count) { VecOf<T>::load(from + i + j, count).store(row + i + j, count); });
  }
  // T[i, i] = tau(i), T[.. i, i] = -tau(i) T[.. i, .. i] V[.. i] v(i)
  const Matrix<T> by_rows{at.v, length, true}, by_columns{at.v, length, false};
  multiply_into(Into::Set, n, n, length, by_rows, by_rows, at.gram, kSolverBlock, true);
  for (int64_t i = 0; i < n; ++i) {
    const T tau = set.tau[first + i];
    for (int64_t r = 0; r < n; ++r) {
      T sum = 0;
      for (int64_t p = r; p < i; ++p) sum = fma(at.t[r * kSolverBlock + p], at.gram[p * kSolverBlock + i], sum);
      at.t[r * kSolverBlock + i] = r < i ? -tau * sum : r == i ? tau : T{0};
    }
  }
  T* const to = x + begin;
  multiply_into(Into::Set, rows, n, length, {to, ld, true}, by_rows, at.g, kSolverBlock);
  multiply_into(Into::Set, rows, n, n, {at.g, kSolverBlock, true}, {at.t, kSolverBlock, turned}, at.h, kSolverBlock);
  multiply_into(Into::Subtract, rows, length, n, {at.h, kSolverBlock, true}, by_columns, to, ld);
}

template <class T>
void apply_all(const Reflectors<T>& set, T* x, int64_t ld, int64_t rows, T* room) noexcept {
  for (int64_t first = (set.count - 1) / kSolverBlock * kSolverBlock; first >= 0; first -= kSolverBlock) {
    apply_block(set, first, least(set.count, first + kSolverBlock), true, x, ld, rows, room);
  }
}

template <class T>
void accumulate(const Reflectors<T>& set, T* x, int64_t ld, int64_t rows, T* room) noexcept {
  for (int64_t i = 0; i < rows; ++i) {
    fill(x + i * ld, T{0}, set.length);
    x[i * ld + i] = 1;
  }
  // From the last to the first: rows below a block's places are still those of the identity there.
  if (set.count <= kOneByOne) {
    for (int64_t i = set.count - 1; i >= 0; --i) {
      const int64_t at = i + set.shift;
      for (int64_t r = at; r < rows; ++r)
        reflect(set.v + i * set.ld + at, set.tau[i], x + r * ld + at, set.length - at);
    }
    return;
  }
  for (int64_t first = (set.count - 1) / kSolverBlock * kSolverBlock; first >= 0; first -= kSolverBlock) {
    const int64_t row = first + set.shift;
    apply_block(set, first, least(set.count, first + kSolverBlock), true, x + row * ld, ld, rows - row, room);
  }
}

#define CKERAS_INSTANTIATE(T)                                                                                    \
  template T make_reflector<T>(T*, int64_t, T*) noexcept;                                                        \
  template void reflect<T>(const T*, T, T*, int64_t) noexcept;                                                   \
  template int64_t block_room<T>(int64_t, int64_t) noexcept;                                                     \
  template void apply_block<T>(const Reflectors<T>&, int64_t, int64_t, bool, T*, int64_t, int64_t, T*) noexcept; \
  template void apply_all<T>(const Reflectors<T>&, T*, int64_t, int64_t, T*) noexcept;                           \
  template void accumulate<T>(const Reflectors<T>&, T*, int64_t, int64_t, T*) noexcept;
CKERAS_INSTANTIATE(float)
CKERAS_INSTANTIATE(double)
#undef CKERAS_INSTANTIATE

}  // namespace ckeras::CKERAS_ISA
