#include "ops/linalg/bidiagonal_halves.h"

#include "ops/linalg/bidiagonal.h"
#include "ops/linalg/order.h"

namespace ckeras::CKERAS_ISA {

// Parts lo to mid and mid + 1 to hi, which row mid joins. Arrays begin at lo.
template <class T>
struct BidiagonalPart : PartNumbers {
  int64_t lo, mid, hi, ld;
  bool wide;  // one column more than rows
  T *u, *v, *gathered, *mix_u, *mix_v;
  double* e;

  CKERAS_MEMBER BidiagonalPart(const BidiagonalHalving<T>& whole, double* d, double* e, int64_t level, int64_t i)
      : PartNumbers(whole, d, level, i, whole.bound(level, i + 1) - 1 - whole.bound(level, i)),
        lo(whole.bound(level, i)),
        mid(whole.bound(level + 1, 2 * i + 1) - 1 - lo),
        hi(whole.bound(level, i + 1) - 1 - lo),
        ld(whole.ld),
        wide(lo + hi < whole.n),
        u(whole.u + lo * ld + lo),
        v(whole.v + lo * ld + lo),
        gathered(whole.gathered + lo * ld),
        mix_u(whole.mix_u + lo * ld),
        mix_v(whole.mix_v + lo * ld),
        e(e + lo) {}

  // The part is, in the basis of the rows, diag(d) with d[mid] = 0 and the row z, z[mid] that of the joint vector.
  void join(double nothing) noexcept {
    const double own = d[mid], beside = e[mid];
    double size = max(__builtin_fabs(own), __builtin_fabs(beside));
    for (int64_t i = 0; i < hi; ++i) {
      if (i == mid) continue;
      weights[i] = i < mid ? own * last[i] : beside * first[i];
      kinds[i] = i < mid ? kTop : kBottom;
      (i < mid ? last : first)[i] = 0;
      size = max(size, d[i]);
    }
    join_ends(own, beside);
    u[mid * ld + mid] = 1;
    d[mid] = 0;
    kinds[mid] = kBoth;
    const double small = max(size * kSmallShare<T>, nothing);
    leave_out(small);
    const int64_t kept = slots.kept;
    if (kept == 1) {
      d[mid] = __builtin_fabs(weights[mid]);
      if (weights[mid] < 0) negate(mid);
      return;
    }
    if (__builtin_fabs(weights[mid]) < small) weights[mid] = weights[mid] < 0 ? -small : small;
    solve<Poles::Squared>(1, root_tolerance<T>(kept));
    parallel_for(kept, most(1, kRowPiece / (8 * kept)), [&](int64_t begin, int64_t end) {
      for (int64_t j = begin; j < end; ++j) make_row(j);
    });
    slots.apply(u, gathered, mix_u, ld, mid + 1, hi);
    slots.apply(v, gathered, mix_v, ld, mid + 1, hi + wide);
    finish();
  }

  // The vectors that the parts take to zero, in the rows mid and hi: of both the one that row mid meets, in row mid,
  // and the other, which the whole takes to zero.
  void join_ends(double own, double beside) noexcept {
    const double a = own * last[mid];
    if (!wide) {
      weights[mid] = a;
      last[mid] = 0;
      return;
    }
    const double b = beside * first[hi], both = __builtin_sqrt(a * a + b * b);
    weights[mid] = both;
    last[mid] = first[hi] = 0;
    if (both == 0) return;
    turn_rows(v + mid * ld, v + hi * ld, a / both, b / both, hi + 1);
    turn_numbers(first, mid, hi, a / both, b / both);
    turn_numbers(last, mid, hi, a / both, b / both);
  }

  void negate(int64_t row) noexcept {
    scale(v + row * ld, T{-1}, hi + wide);
    first[row] = -first[row];
    last[row] = -last[row];
  }

  // As in the joining of tridiagonal parts; a value of nothing is turned into row mid. That one is kept always, before
  // the others.
  void leave_out(double small) noexcept {
    sort_places(d, hi, order, false);
    int64_t held = -1, gone = hi, next = 0;
    for (int64_t i = 0; i < hi; ++i) {
      const int64_t row = order[i];
      if (row == mid) continue;
      if (__builtin_fabs(weights[row]) <= small) {
        slots.rows[--gone] = row;
        continue;
      }
      if (d[row] <= small) {
        const double size = __builtin_sqrt(weights[row] * weights[row] + weights[mid] * weights[mid]);
        turn_right(mid, row, weights[mid] / size, weights[row] / size);
        weights[mid] = size;
        d[row] = 0;
        slots.rows[--gone] = row;
        continue;
      }
      if (held >= 0) {
        const double size = __builtin_sqrt(weights[row] * weights[row] + weights[held] * weights[held]);
        const double c = weights[row] / size, s = weights[held] / size, gap = d[row] - d[held];
        if (__builtin_fabs(gap * c * s) <= small) {
          turn_right(row, held, c, s);
          turn_rows(u + row * ld, u + held * ld, c, s, hi);
          d[row] -= s * s * gap;
          d[held] += s * s * gap;
          weights[row] = size;
          slots.rows[--gone] = held;
        } else {
          order[next++] = held;
        }
      }
      held = row;
    }
    if (held >= 0) order[next++] = held;
    for (int64_t i = next; i > 0; --i) order[i] = order[i - 1];
    order[0] = mid;
    slots.kept = next + 1;
  }

  void turn_right(int64_t x, int64_t y, double c, double s) noexcept {
    turn_rows(v + x * ld, v + y * ld, c, s, hi + wide);
    turn_numbers(first, x, y, c, s);
    turn_numbers(last, x, y, c, s);
    if (kinds[x] != kinds[y]) kinds[x] = kinds[y] = kBoth;
  }

  // Rows j of the mixes: the vectors of root j, by slots. Of the left one the component of row mid is -1 before
  // scaling.
  void make_row(int64_t j) const noexcept {
    const double origin = roots.pole[j], offset = roots.offset[j];
    const int64_t kept = slots.kept, own = order[0];
    const auto right = [&](int64_t i) __attribute__((always_inline)) {
      return V8::load(slot_z + i) / pole_distance<Poles::Squared>(V8::load(slot_pole + i), origin, offset);
    };
    const auto left = [&](int64_t i) __attribute__((always_inline)) { return V8::load(slot_pole + i) * right(i); };
    V8 square(0.0), left_square(0.0), begin(0.0), end(0.0);
    for (int64_t i = 0; i < kept; i += kPoleLanes) {
      const V8 x = right(i), y = V8::load(slot_pole + i) * x;
      square = fma(x, x, square);
      left_square = fma(y, y, left_square);
      begin = fma(x, V8::load(slot_first + i), begin);
      end = fma(x, V8::load(slot_last + i), end);
    }
    const double factor = 1 / __builtin_sqrt(reduce_add(square));
    const double left_factor = 1 / __builtin_sqrt(1 + reduce_add(left_square));
    new_first[j] = factor * reduce_add(begin);
    new_last[j] = factor * reduce_add(end);
    store_mix(mix_v + j * ld, kept, factor, right);
    store_mix(mix_u + j * ld, kept, left_factor, left);
    mix_u[j * ld + own] = static_cast<T>(-left_factor);
  }
};

// What stands right of the square is turned into it first, from the last row up.
template <class T>
bool BidiagonalHalving<T>::solve_leaf(int64_t i, double* d, double* e) const noexcept {
  const int64_t lo = bound(levels, i), count = bound(levels, i + 1) - 1 - lo, all = count + (lo + count < n ? 1 : 0);
  const int64_t columns_u = round_up(count, kPoleLanes), columns_v = round_up(all, kPoleLanes);
  double *const x = leaves_u.identity(i, count, columns_u), *const y = leaves_v.identity(i, all, columns_v);
  double *const diagonal = d + lo, *const beside = e + lo;
  if (all > count) {
    double left = beside[count - 1];
    for (int64_t r = count - 1; r >= 0 && left != 0; --r) {
      const Givens turn = givens(diagonal[r], left);
      diagonal[r] = turn.r;
      turn_rows(y + r * columns_v, y + count * columns_v, turn.c, turn.s, all);
      if (r == 0) break;
      left = -turn.s * beside[r - 1];
      beside[r - 1] *= turn.c;
    }
  }
  Room room_u = leaves_u.room(i), room_v = leaves_v.room(i);
  Rotations<double> turn_u(x, count, columns_u, room_u), turn_v(y, count, columns_v, room_v);
  if (!diagonalise_bidiagonal(diagonal, beside, count, turn_u, turn_v)) return false;
  for (int64_t r = 0; r < count; ++r) {
    if (diagonal[r] >= 0) continue;
    diagonal[r] = -diagonal[r];
    scale(y + r * columns_v, -1.0, all);
  }
  round_rows(x, count, count, columns_u, u + lo * ld + lo, ld);
  round_rows(y, all, all, columns_v, v + lo * ld + lo, ld);
  for (int64_t r = 0; r < all; ++r) {
    first[lo + r] = y[r * columns_v];
    last[lo + r] = all > count ? y[r * columns_v + count] : 0;
  }
  return true;
}

template <class T>
bool BidiagonalHalving<T>::solve(double* d, double* e) const noexcept {
  double norm = 0;
  for (int64_t i = 0; i < n; ++i) norm = max(norm, max(__builtin_fabs(d[i]), i + 1 < n ? __builtin_fabs(e[i]) : 0.0));
  const double nothing = norm * kSmallShare<T> * kNothingShare;
  fill(u, T{0}, n * ld);
  fill(v, T{0}, n * ld);
  int32_t failed = 0;
  parallel_for(int64_t{1} << levels, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      if (!solve_leaf(i, d, e)) __atomic_store_n(&failed, 1, __ATOMIC_RELAXED);
    }
  });
  if (failed) return false;
  for (int64_t level = levels - 1; level >= 0; --level) {
    join_parts(int64_t{1} << level, [&](int64_t i) __attribute__((always_inline)) {
      BidiagonalPart<T>(*this, d, e, level, i).join(nothing);
    });
  }
  return true;
}
template struct BidiagonalHalving<float>;
template struct BidiagonalHalving<double>;

}  // namespace ckeras::CKERAS_ISA
