#include "ops/linalg/halves.h"
#include "ops/linalg/order.h"
#include "ops/linalg/tridiagonal.h"

namespace ckeras::CKERAS_ISA {

// Two neighbours, rows lo to mid and mid to hi, that become one. Arrays begin at lo.
template <class T>
struct Part : PartNumbers {
  int64_t lo, mid, hi, ld;
  T *vectors, *gathered, *mix;

  CKERAS_MEMBER Part(const Halving<T>& whole, double* values, int64_t level, int64_t i)
      : PartNumbers(whole, values, level, i, whole.bound(level, i + 1) - whole.bound(level, i)),
        lo(whole.bound(level, i)),
        mid(whole.bound(level + 1, 2 * i + 1)),
        hi(whole.bound(level, i + 1)),
        ld(whole.ld),
        vectors(whole.vectors + lo * ld + lo),
        gathered(whole.gathered + lo * ld),
        mix(whole.mix + lo * ld) {}

  // The whole of both is diag(d) + rho z z^T in the basis of the rows; |z| = 1.
  void join(double cut, double nothing) noexcept {
    const int64_t n = slots.n, half = mid - lo;
    const double share = __builtin_sqrt(0.5), rho = 2 * __builtin_fabs(cut);
    double size = rho;
    for (int64_t i = 0; i < n; ++i) {
      weights[i] = share * (i < half ? last[i] : cut < 0 ? -first[i] : first[i]);
      kinds[i] = i < half ? kTop : kBottom;
      (i < half ? last : first)[i] = 0;
      size = max(size, __builtin_fabs(d[i]));
    }
    leave_out(rho, max(size * kSmallShare<T>, nothing));
    const int64_t kept = slots.kept;
    if (kept == 0) return;
    solve<Poles::Plain>(1 / rho, root_tolerance<T>(kept));
    parallel_for(kept, most(1, kRowPiece / (4 * kept)), [&](int64_t begin, int64_t end) {
      for (int64_t j = begin; j < end; ++j) make_row(j);
    });
    slots.apply(vectors, gathered, mix, ld, half, n);
    finish();
  }

  // Rows whose weight is nothing, and of two with nearly the same value one, after a rotation, are eigenvectors
  // already. Leaves the rows that are kept in `order`, rising, the others at the end of the slots.
  void leave_out(double rho, double small) noexcept {
    const int64_t n = slots.n;
    sort_places(d, n, order, false);
    int64_t held = -1, gone = n;
    int64_t kept = 0;
    for (int64_t i = 0; i < n; ++i) {
      const int64_t row = order[i];
      if (rho * __builtin_fabs(weights[row]) <= small) {
        slots.rows[--gone] = row;
        continue;
      }
      if (held >= 0) {
        const double size = __builtin_sqrt(weights[row] * weights[row] + weights[held] * weights[held]);
        const double c = weights[row] / size, s = weights[held] / size, gap = d[row] - d[held];
        if (__builtin_fabs(gap * c * s) <= small) {
          turn_pair(row, held, c, s, gap);
          weights[row] = size;
          slots.rows[--gone] = held;
        } else {
          order[kept++] = held;
        }
      }
      held = row;
    }
    if (held >= 0) order[kept++] = held;
    slots.kept = kept;
  }

  // x' = c x + s y, y' = c y - s x
  void turn_pair(int64_t x, int64_t y, double c, double s, double gap) noexcept {
    turn_rows(vectors + x * ld, vectors + y * ld, c, s, slots.n);
    turn_numbers(first, x, y, c, s);
    turn_numbers(last, x, y, c, s);
    d[x] -= s * s * gap;
    d[y] += s * s * gap;
    if (kinds[x] != kinds[y]) kinds[x] = kinds[y] = kBoth;
  }

  // Row j of the mix: the eigenvector of root j, by slots.
  void make_row(int64_t j) const noexcept {
    const double origin = roots.pole[j], offset = roots.offset[j];
    const int64_t kept = slots.kept;
    const auto component = [&](int64_t i) __attribute__((always_inline)) {
      return V8::load(slot_z + i) / pole_distance<Poles::Plain>(V8::load(slot_pole + i), origin, offset);
    };
    V8 square(0.0), begin(0.0), end(0.0);
    for (int64_t i = 0; i < kept; i += kPoleLanes) {
      const V8 x = component(i);
      square = fma(x, x, square);
      begin = fma(x, V8::load(slot_first + i), begin);
      end = fma(x, V8::load(slot_last + i), end);
    }
    const double factor = 1 / __builtin_sqrt(reduce_add(square));
    new_first[j] = factor * reduce_add(begin);
    new_last[j] = factor * reduce_add(end);
    store_mix(mix + j * ld, kept, factor, component);
  }
};

template <class T>
bool Halving<T>::solve_leaf(int64_t i, double* d, double* e) const noexcept {
  const int64_t lo = bound(levels, i), count = bound(levels, i + 1) - lo, columns = round_up(count, kPoleLanes);
  double* const x = leaves.identity(i, count, columns);
  Room room = leaves.room(i);
  Rotations<double> rotations(x, count, columns, room);
  if (!diagonalise(d + lo, e + lo, count, rotations)) return false;
  round_rows(x, count, count, columns, vectors + lo * ld + lo, ld);
  for (int64_t r = 0; r < count; ++r) {
    first[lo + r] = x[r * columns];
    last[lo + r] = x[r * columns + count - 1];
  }
  return true;
}

template <class T>
bool Halving<T>::solve(double* d, double* e) const noexcept {
  const int64_t ends = int64_t{1} << levels;
  double norm = 0;
  for (int64_t i = 0; i < n; ++i) norm = max(norm, max(__builtin_fabs(d[i]), i + 1 < n ? __builtin_fabs(e[i]) : 0.0));
  const double nothing = norm * kSmallShare<T> * kNothingShare;
  fill(vectors, T{0}, n * ld);
  for (int64_t i = 1; i < ends; ++i) {
    const int64_t at = bound(levels, i);
    cuts[i] = e[at - 1];
    d[at - 1] -= __builtin_fabs(cuts[i]);
    d[at] -= __builtin_fabs(cuts[i]);
  }
  int32_t failed = 0;
  parallel_for(ends, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      if (!solve_leaf(i, d, e)) __atomic_store_n(&failed, 1, __ATOMIC_RELAXED);
    }
  });
  if (failed) return false;
  for (int64_t level = levels - 1; level >= 0; --level) {
    join_parts(int64_t{1} << level, [&](int64_t i) __attribute__((always_inline)) {
      Part<T>(*this, d, level, i).join(cuts[(2 * i + 1) << (levels - level - 1)], nothing);
    });
  }
  return true;
}
template struct Halving<float>;
template struct Halving<double>;

}  // namespace ckeras::CKERAS_ISA
