#include "cpu/parallel.h"
#include "ops/linalg/order.h"
#include "ops/linalg/product.h"
#include "ops/linalg/tridiagonal.h"
#include "ops/linalg/vectors.h"

namespace ckeras::CKERAS_ISA {
namespace {

constexpr int64_t kPieceElements = int64_t{1} << 15;
constexpr int64_t kSideBySide = 8;  // so many parts of a level are a piece of work each

// Shares of the norm, a part's and the whole's: smaller numbers count as zero. float32 results need no more.
template <class T>
constexpr double kSmall = sizeof(T) == 4 ? 0x1p-29 : 0x1p-50;
constexpr double kNothing = 0x1p-6;

// Where a vector is not zero: in the first half, in both, in the second.
enum Kind : uint8_t { kTop, kBoth, kBottom, kKinds };

CKERAS_INLINE void store_rounded(double* to, const double* from, double factor, int64_t count) {
  (V8::load(from) * V8(factor)).store(to, count);
}
CKERAS_INLINE void store_rounded(float* to, const double* from, double factor, int64_t count) {
  const V8 f(factor);
  to_single(W16(V8::load(from) * f, V8::load(from + kPoleLanes) * f)).store(to, count);
}

template <class T>
CKERAS_INLINE void turn_rows(T* x, T* y, T c, T s, int64_t n) {
  using V = VecOf<T>;
  const V cosine(c), sine(s);
  for_lanes<V::kLanes>(n, [&](int64_t i, int64_t count) __attribute__((always_inline)) {
    const V a = V::load(x + i, count), b = V::load(y + i, count);
    fma(cosine, a, sine * b).store(x + i, count);
    fnma(sine, a, cosine * b).store(y + i, count);
  });
}

}  // namespace

// Two neighbours, rows lo to mid and mid to hi, that become one. Arrays begin at lo.
template <class T>
struct Part {
  int64_t lo, mid, hi, ld;
  T *vectors, *gathered, *mix;
  double *d, *first, *last;
  int64_t *order, *slots;  // slots: the row in each; those that are kept, by kind, then the others
  uint8_t* kinds;
  double *weights, *pole, *z, *z2;  // of the rows; of those that are kept, rising
  Roots roots;
  double *slot_pole, *slot_z, *slot_first, *slot_last, *new_first, *new_last;
  int64_t kept, count[kKinds];

  CKERAS_MEMBER Part(const Halving<T>& whole, double* values, int64_t level, int64_t i)
      : lo(whole.bound(level, i)),
        mid(whole.bound(level + 1, 2 * i + 1)),
        hi(whole.bound(level, i + 1)),
        ld(whole.ld),
        vectors(whole.vectors + lo * ld + lo),
        gathered(whole.gathered + lo * ld),
        mix(whole.mix + lo * ld),
        d(values + lo),
        first(whole.first + lo),
        last(whole.last + lo),
        order(whole.order + lo),
        slots(whole.slots + lo),
        kinds(whole.kinds + lo) {
    const int64_t skipped = lo + (i << (whole.levels - level)) * Halving<T>::kPad;
    double** const parts[] = {&weights,   &pole,   &z,          &z2,        &roots.pole, &roots.offset,
                              &slot_pole, &slot_z, &slot_first, &slot_last, &new_first,  &new_last};
    static_assert(sizeof(parts) / sizeof(parts[0]) == Halving<T>::kArrays);
    for (int64_t a = 0; a < Halving<T>::kArrays; ++a) *parts[a] = whole.arrays[a] + skipped;
  }

  CKERAS_MEMBER int64_t rows() const { return hi - lo; }

  // The whole of both is diag(d) + rho z z^T in the basis of the rows; |z| = 1.
  void join(double cut, double nothing) noexcept {
    const int64_t n = rows(), half = mid - lo;
    const double share = __builtin_sqrt(0.5), rho = 2 * __builtin_fabs(cut);
    double size = rho;
    for (int64_t i = 0; i < n; ++i) {
      weights[i] = share * (i < half ? last[i] : cut < 0 ? -first[i] : first[i]);
      kinds[i] = i < half ? kTop : kBottom;
      (i < half ? last : first)[i] = 0;
      size = max(size, __builtin_fabs(d[i]));
    }
    leave_out(rho, max(size * kSmall<T>, nothing));
    if (kept == 0) return;
    gather();
    for (int64_t i = 0; i < kept; ++i) z2[i] = z[i] * z[i];
    pad(pole, z2, kept);
    const double tolerance = sizeof(T) == 4 ? 0x1p-36 : 0x1p-53 * (8 + static_cast<double>(kept) / 8);
    find_roots<Poles::Plain>(pole, z2, kept, 1 / rho, tolerance, roots);
    fit_weights<Poles::Plain>(pole, kept, roots, z);
    fill_slots();
    parallel_for(kept, most(1, kPieceElements / (4 * kept)), [&](int64_t begin, int64_t end) {
      for (int64_t j = begin; j < end; ++j) make_row(j);
    });
    multiply();
    finish();
  }

  static void pad(double* poles, double* z, int64_t n) noexcept {
    for (int64_t i = n; i < n + Halving<T>::kPad; ++i) {
      poles[i] = kFarPole;
      z[i] = 0;
    }
  }

  // Rows whose weight is nothing, and of two with nearly the same value one, after a rotation, are eigenvectors
  // already. Leaves the rows that are kept in `order`, rising, and their number in `kept`; the others in `slots`.
  void leave_out(double rho, double small) noexcept {
    const int64_t n = rows();
    sort_places(d, n, order, false);
    int64_t held = -1, gone = n;
    kept = 0;
    for (int64_t i = 0; i < n; ++i) {
      const int64_t row = order[i];
      if (rho * __builtin_fabs(weights[row]) <= small) {
        slots[--gone] = row;
        continue;
      }
      if (held >= 0) {
        const double size = __builtin_sqrt(weights[row] * weights[row] + weights[held] * weights[held]);
        const double c = weights[row] / size, s = weights[held] / size, gap = d[row] - d[held];
        if (__builtin_fabs(gap * c * s) <= small) {
          turn_pair(row, held, c, s, gap);
          weights[row] = size;
          slots[--gone] = held;
        } else {
          order[kept++] = held;
        }
      }
      held = row;
    }
    if (held >= 0) order[kept++] = held;
  }

  // x' = c x + s y, y' = c y - s x
  void turn_pair(int64_t x, int64_t y, double c, double s, double gap) noexcept {
    turn_rows(vectors + x * ld, vectors + y * ld, static_cast<T>(c), static_cast<T>(s), rows());
    const auto turn_ends = [&](double* ends) __attribute__((always_inline)) {
      const double a = ends[x], b = ends[y];
      ends[x] = c * a + s * b;
      ends[y] = c * b - s * a;
    };
    turn_ends(first);
    turn_ends(last);
    d[x] -= s * s * gap;
    d[y] += s * s * gap;
    if (kinds[x] != kinds[y]) kinds[x] = kinds[y] = kBoth;
  }

  void gather() noexcept {
    for (int64_t& number : count) number = 0;
    for (int64_t i = 0; i < kept; ++i) {
      z[i] = weights[order[i]];
      pole[i] = d[order[i]];
      ++count[kinds[order[i]]];
    }
    int64_t next[kKinds] = {0, count[kTop], count[kTop] + count[kBoth]};
    for (int64_t i = 0; i < kept; ++i) {
      int64_t& slot = next[kinds[order[i]]];
      slots[slot] = order[i];
      order[i] = slot++;
    }
    const int64_t n = rows(), half = mid - lo;
    parallel_for(n, most(1, kPieceElements / n), [&](int64_t begin, int64_t end) {
      for (int64_t i = begin; i < end; ++i) {
        const uint8_t kind = i < kept ? kinds[slots[i]] : uint8_t{kBoth};
        const int64_t from = kind == kBottom ? half : 0, to = kind == kTop ? half : n;
        __builtin_memcpy(gathered + i * ld + from, vectors + slots[i] * ld + from, (to - from) * sizeof(T));
      }
    });
  }

  void fill_slots() noexcept {
    for (int64_t i = 0; i < kept; ++i) {
      const int64_t slot = order[i];
      slot_pole[slot] = pole[i];
      slot_z[slot] = z[i];
      slot_first[slot] = first[slots[slot]];
      slot_last[slot] = last[slots[slot]];
    }
    pad(slot_pole, slot_z, kept);
    fill(slot_first + kept, 0.0, Halving<T>::kPad);
    fill(slot_last + kept, 0.0, Halving<T>::kPad);
  }

  // Row j of the mix: the eigenvector of root j, by slots.
  void make_row(int64_t j) const noexcept {
    const double origin = roots.pole[j], offset = roots.offset[j];
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
    T* const to = mix + j * ld;
    constexpr int64_t kLanes = VecOf<T>::kLanes;
    for (int64_t i = 0; i < kept; i += kLanes) {
      double x[kLanes];
      for (int64_t part = 0; part < kLanes; part += kPoleLanes) component(i + part).store(x + part);
      store_rounded(to + i, x, factor, kept - i);
    }
  }

  void multiply() const noexcept {
    const int64_t half = mid - lo, top = count[kTop] + count[kBoth], bottom = kept - count[kTop];
    multiply_into(Into::Set, kept, half, top, {mix, ld, true}, {gathered, ld, false}, vectors, ld);
    multiply_into(Into::Set, kept, hi - mid, bottom, {mix + count[kTop], ld, true},
                  {gathered + count[kTop] * ld + half, ld, false}, vectors + half, ld);
    const int64_t n = rows();
    parallel_for(n - kept, most(1, kPieceElements / n), [&](int64_t begin, int64_t end) {
      for (int64_t i = kept + begin; i < kept + end; ++i) copy_all(vectors + i * ld, gathered + i * ld, n);
    });
  }

  // Values and ends of the rows as they lie now.
  void finish() noexcept {
    const int64_t n = rows();
    for (int64_t i = kept; i < n; ++i) {
      pole[i] = d[slots[i]];
      z[i] = first[slots[i]];
      z2[i] = last[slots[i]];
    }
    for (int64_t i = 0; i < n; ++i) {
      d[i] = i < kept ? roots.pole[i] + roots.offset[i] : pole[i];
      first[i] = i < kept ? new_first[i] : z[i];
      last[i] = i < kept ? new_last[i] : z2[i];
    }
  }
};

template <class T>
bool Halving<T>::solve_leaf(int64_t i, double* d, double* e) const noexcept {
  const int64_t lo = bound(levels, i), count = bound(levels, i + 1) - lo, columns = round_up(count, kPoleLanes);
  double* const x = leaf_rows + lo * kLeaf;
  fill(x, 0.0, count * columns);
  for (int64_t r = 0; r < count; ++r) x[r * columns + r] = 1;
  Room room(leaf_rotations + i * kLeafBytes);
  Rotations<double> rotations(x, count, columns, room);
  if (!diagonalise(d + lo, e + lo, count, rotations)) return false;
  for (int64_t r = 0; r < count; ++r) {
    T* const row = vectors + (lo + r) * ld + lo;
    for (int64_t j = 0; j < count; ++j) row[j] = static_cast<T>(x[r * columns + j]);
    first[lo + r] = x[r * columns];
    last[lo + r] = x[r * columns + count - 1];
  }
  return true;
}

template <class T>
bool Halving<T>::solve(double* d, double* e) const noexcept {
  const int64_t leaves = int64_t{1} << levels;
  double norm = 0;
  for (int64_t i = 0; i < n; ++i) norm = max(norm, max(__builtin_fabs(d[i]), i + 1 < n ? __builtin_fabs(e[i]) : 0.0));
  const double nothing = norm * kSmall<T> * kNothing;
  fill(vectors, T{0}, n * ld);
  for (int64_t i = 1; i < leaves; ++i) {
    const int64_t at = bound(levels, i);
    cuts[i] = e[at - 1];
    d[at - 1] -= __builtin_fabs(cuts[i]);
    d[at] -= __builtin_fabs(cuts[i]);
  }
  int32_t failed = 0;
  parallel_for(leaves, 1, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      if (!solve_leaf(i, d, e)) __atomic_store_n(&failed, 1, __ATOMIC_RELAXED);
    }
  });
  if (failed) return false;
  for (int64_t level = levels - 1; level >= 0; --level) {
    const int64_t parts = int64_t{1} << level;
    const auto join = [&](int64_t begin, int64_t end) __attribute__((always_inline)) {
      for (int64_t i = begin; i < end; ++i) {
        Part<T>(*this, d, level, i).join(cuts[(2 * i + 1) << (levels - level - 1)], nothing);
      }
    };
    if (parts >= kSideBySide) {
      parallel_for(parts, 1, [&](int64_t begin, int64_t end) { join(begin, end); });
    } else {
      join(0, parts);
    }
  }
  return true;
}
template struct Halving<float>;
template struct Halving<double>;

}  // namespace ckeras::CKERAS_ISA
