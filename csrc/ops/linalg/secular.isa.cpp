// Each root by rational interpolation around its two poles (R.-C. Li, "Solving secular equations stably and
// efficiently", 1993), within a bracket that only shrinks.
#include "ops/linalg/secular.h"

#include "cpu/parallel.h"

namespace ckeras::CKERAS_ISA {
namespace {

constexpr int kMostSteps = 120;
constexpr int64_t kPieceTerms = int64_t{1} << 14;  // terms of a piece of work

// The sums up to a place and after it, and their slopes by p(x).
struct Sums {
  double below, above, below_slope, above_slope;
};

template <Poles kPoles>
struct Equation {
  const double *d, *z2;
  int64_t n;
  double base, tolerance;

  CKERAS_MEMBER double distance(int64_t i, double pole, double offset) const {
    const double near = (d[i] - pole) - offset;
    return kPoles == Poles::Plain ? near : near * ((d[i] + pole) + offset);
  }

  CKERAS_MEMBER static void add(V8 z, V8 distance, V8& sum, V8& slope) {
    const V8 inverse = V8(1.0) / distance, term = z * inverse;
    sum = sum + term;
    slope = fma(term, inverse, slope);
  }

  // `split`: how many poles count as below.
  Sums sums(double pole, double offset, int64_t split) const noexcept {
    V8 sum[2] = {V8(0.0), V8(0.0)}, slope[2] = {V8(0.0), V8(0.0)};
    int64_t i = 0;
    for (; i + kPoleLanes <= split; i += kPoleLanes) {
      add(V8::load(z2 + i), pole_distance<kPoles>(V8::load(d + i), pole, offset), sum[0], slope[0]);
    }
    if (i < split) {
      const V8 far = pole_distance<kPoles>(V8::load(d + i), pole, offset), all = V8::load(z2 + i);
      const V8 low = V8::load(z2 + i, split - i);
      add(low, far, sum[0], slope[0]);
      add(all - low, far, sum[1], slope[1]);
      i += kPoleLanes;
    }
    for (; i < n; i += kPoleLanes) {
      add(V8::load(z2 + i), pole_distance<kPoles>(V8::load(d + i), pole, offset), sum[1], slope[1]);
    }
    return {reduce_add(sum[0]), reduce_add(sum[1]), reduce_add(slope[0]), reduce_add(slope[1])};
  }

  // The offset whose p is `step` further.
  CKERAS_MEMBER static double moved(double pole, double offset, double step) {
    if (kPoles == Poles::Plain) return offset + step;
    const double x = pole + offset, square = x * x + step;
    return offset + step / (x + __builtin_sqrt(square < 0 ? 0 : square));
  }

  // A root of c x^2 - a x + b: of the interior the one between the poles, else the one right of both.
  CKERAS_MEMBER static double quadratic(double a, double b, double c, bool last) {
    const double inside = a * a - 4 * b * c, root = __builtin_sqrt(inside > 0 ? inside : 0) * (last ? -1 : 1);
    return (last ? a >= 0 : a <= 0) ? (a - root) / (2 * c) : 2 * b / (a + root);
  }

  void find(int64_t j, double* root_pole, double* root_offset) const noexcept {
    const bool last = j == n - 1;
    double left = d[j], total = 0;
    if (last) {
      for (int64_t i = 0; i < n; ++i) total += z2[i];
      total /= base;
      if (n == 1) {
        *root_pole = left;
        *root_offset = kPoles == Poles::Plain ? total : total / (left + __builtin_sqrt(left * left + total));
        return;
      }
    }
    const double width = !last                    ? d[j + 1] - left
                         : kPoles == Poles::Plain ? total
                                                  : total / (left + __builtin_sqrt(left * left + total));
    const int64_t p = last ? j - 1 : j, q = p + 1;
    const double half = 0.5 * width;
    Sums at = sums(left, half, p + 1);
    double value = base + at.below + at.above;
    const bool right = last || value < 0;  // the origin is pole q
    const int64_t k = right ? q : p;
    const double pole = d[k];
    double low, high, offset;
    if (last) {
      low = value < 0 ? half : 0;
      high = value < 0 ? width : half;
      offset = half;
    } else {
      low = right ? -half : 0;
      high = right ? 0 : half;
      // Both poles' terms, and what the others have in the middle.
      const double gap = -distance(p, d[q], 0);
      const double c = value - z2[p] / distance(p, left, half) - z2[q] / distance(q, left, half);
      const double a = (right ? -c : c) * gap + z2[p] + z2[q], b = right ? -z2[q] * gap : z2[p] * gap;
      offset = moved(pole, 0, quadratic(a, b, c, false));
      if (!(offset > low && offset < high)) offset = 0.5 * (low + high);
      at = sums(pole, offset, p + 1);
    }
    bool both = last;  // whether both sums' slopes are met, or the origin's own term and the slope of all
    double before = 0;
    for (int step = 0; step < kMostSteps; ++step) {
      value = base + at.below + at.above;
      if (__builtin_fabs(value) <= tolerance * (base + __builtin_fabs(at.below) + __builtin_fabs(at.above))) break;
      (value < 0 ? low : high) = offset;
      if (step > 0 && value * before > 0 && __builtin_fabs(value) > 0.1 * __builtin_fabs(before)) both = !both;
      before = value;
      const double x = distance(p, pole, offset), y = distance(q, pole, offset);
      const double slope = at.below_slope + at.above_slope;
      const double c = both    ? value - x * at.below_slope - y * at.above_slope
                       : right ? value - x * slope - (y - x) * (z2[q] / (y * y))
                               : value - y * slope - (x - y) * (z2[p] / (x * x));
      const double a = (x + y) * value - x * y * slope, b = x * y * value;
      double next = moved(pole, offset, quadratic(a, b, c, last));
      if (!(next > low && next < high)) next = 0.5 * (low + high);
      if (!(next > low && next < high)) break;
      offset = next;
      at = sums(pole, offset, p + 1);
    }
    *root_pole = pole;
    *root_offset = offset;
  }
};

}  // namespace

template <Poles kPoles>
void find_roots(const double* d, const double* z2, int64_t n, double base, double tolerance, Roots roots) noexcept {
  const Equation<kPoles> equation{d, z2, n, base, tolerance};
  parallel_for(n, most(1, kPieceTerms / (8 * n)), [&](int64_t begin, int64_t end) {
    for (int64_t j = begin; j < end; ++j) equation.find(j, roots.pole + j, roots.offset + j);
  });
}
template void find_roots<Poles::Plain>(const double*, const double*, int64_t, double, double, Roots) noexcept;
template void find_roots<Poles::Squared>(const double*, const double*, int64_t, double, double, Roots) noexcept;

// The squares are products over j of (p(root j) - p(d[i])) / (p(d[j]) - p(d[i])), without a divisor for j = i.
template <Poles kPoles>
void fit_weights(const double* d, int64_t n, Roots roots, double* z) noexcept {
  parallel_for(n, most(1, kPieceTerms / n), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      double product[kPoleLanes];
      V8 found(1.0);
      const V8 at(d[i]);
      int64_t j = 0;
      const auto ratio = [&](int64_t place) __attribute__((always_inline)) {
        const V8 pole = V8::load(roots.pole + place), offset = V8::load(roots.offset + place),
                 own = V8::load(d + place);
        V8 top = (pole - at) + offset, bottom = own - at;
        if constexpr (kPoles == Poles::Squared) {
          top = top * ((pole + at) + offset);
          bottom = bottom * (own + at);
        }
        return Pair<V8>(top, bottom);
      };
      const int64_t own = i / kPoleLanes * kPoleLanes;
      for (; j + kPoleLanes <= n; j += kPoleLanes) {
        if (j == own) continue;
        const Pair<V8> both = ratio(j);
        found = found * (both.lo / both.hi);
      }
      found.store(product);
      const auto one_by_one = [&](int64_t from) __attribute__((always_inline)) {
        double top[kPoleLanes], bottom[kPoleLanes];
        const Pair<V8> both = ratio(from);
        both.lo.store(top);
        both.hi.store(bottom);
        for (int64_t r = 0; r < kPoleLanes && from + r < n; ++r) {
          product[r] *= from + r == i ? __builtin_fabs(top[r]) : top[r] / bottom[r];
        }
      };
      one_by_one(own);
      if (j < n && j != own) one_by_one(j);
      double square = 1;
      for (int64_t r = 0; r < kPoleLanes; ++r) square *= product[r];
      z[i] = __builtin_copysign(__builtin_sqrt(__builtin_fabs(square)), z[i]);
    }
  });
}
template void fit_weights<Poles::Plain>(const double*, int64_t, Roots, double*) noexcept;
template void fit_weights<Poles::Squared>(const double*, int64_t, Roots, double*) noexcept;

}  // namespace ckeras::CKERAS_ISA
