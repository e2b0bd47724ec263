#include "ops/dft/dft.h"

#include "cpu/parallel.h"
#include "ops/dft/lanes.h"
#include "ops/dft/row.h"
#include "ops/dft/tiles.h"

namespace ckeras::CKERAS_ISA {
namespace {

// How a call is computed: by its shapes and dtype alone.
struct Plan {
  int64_t rows, n, m;    // transforms, their size, that of the transforms below them
  bool half;             // pairs of an even row of real numbers are the complex ones
  bool lanes;            // several rows at a time
  int64_t size, wide;    // bytes of a number of the work; lanes
  int64_t count, slots;  // pieces of work; how many have memory at a time
  int64_t table, slot;   // numbers: the tables, one slot
  int fine_bits = 0;     // of the turns of halves of a single row

  explicit Plan(const Call& call) {
    const View& x = call.in[0];
    n = x.shape[x.rank - 1];
    rows = n > 0 ? x.size() / n : 0;
    half = call.n_in == 1 && n % 2 == 0;
    if (half) n /= 2;
    lanes = rows >= 4 && lane_size(n) <= kDftLaneSize;
    m = lanes ? lane_size(n) : dft_size(n);
    size = lanes && x.dtype == DType::F32 ? 4 : 8;
    wide = 64 / size;
    count = ceil_div(rows, wide);
    slot = lanes ? 4 * wide * (m + 1) : 2 * m;
    slots = lanes ? least(count, at_least_one(least(32, (int64_t{1} << 25) / (slot * size)))) : 1;
    while (int64_t{1} << 2 * fine_bits < n) ++fine_bits;
    const int64_t turns_of_halves = lanes ? n + 1 : fine() + coarse();
    table = round_up((lanes ? lane_table(n) : Transform::numbers(n)) + (half ? 2 * turns_of_halves : 0), wide);
  }
  int64_t bytes() const { return rows > 0 ? (table + slots * slot) * size : 0; }
  int64_t fine() const { return int64_t{1} << fine_bits; }
  int64_t coarse() const { return (n >> fine_bits) + 1; }
  // exp(-pi i k / n), k <= n, at the end of the tables.
  template <class T>
  Complexes<T> halves(T* memory) const {
    const Complexes<T> found{memory + lane_table(n), memory + lane_table(n) + n + 1};
    if (half) turns(found, n + 1, n, [](int64_t k) __attribute__((always_inline)) { return k; });
    return found;
  }
  FineTurns fine_halves(double* memory) const {
    double* const at = memory + Transform::numbers(n);
    double* const rest = at + 2 * coarse();
    const FineTurns found{{at, at + coarse()}, {rest, rest + fine()}, fine_bits};
    if (!half) return found;
    const int bits = fine_bits;
    turns(found.coarse, coarse(), n, [bits](int64_t k) __attribute__((always_inline)) { return k << bits; });
    turns(found.rest, fine(), n, [](int64_t k) __attribute__((always_inline)) { return k; });
    return found;
  }
};

template <class T>
struct Parts {
  T *re, *im;    // im may be null in operands: all 0
  int64_t step;  // between neighbours
  int64_t row;   // between rows
};

// Number k of the transform of 2n real numbers from that of n pairs z: z[k], z[n - k], exp(-pi i k / n).
template <class V>
CKERAS_INLINE void unfold(V a_re, V a_im, V b_re, V b_im, V w_re, V w_im, V* re, V* im) {
  const V half(0.5);
  const V even_re = half * (a_re + b_re), even_im = half * (a_im - b_im);
  const V odd_re = half * (a_im + b_im), odd_im = half * (b_re - a_re);
  *re = fma(w_re, odd_re, fma(-w_im, odd_im, even_re));
  *im = fma(w_re, odd_im, fma(w_im, odd_re, even_im));
}

// The rows from `first` on as places of a LaneTransform; places after the last may get something too.
template <class T>
CKERAS_INLINE void read_places(const Plan& plan, Parts<const T> from, int64_t first, int64_t lanes, T sign, T* x) {
  using V = VecOf<T>;
  constexpr int64_t kPlace = LaneTransform<T>::kPlace;
  const T* const at = from.re + first * from.row;
  if (plan.half) {  // pairs lie in the rows as in a place
    for (int64_t i0 = 0; i0 < 2 * plan.n; i0 += kStretch) {
      const int64_t n = least(kStretch, 2 * plan.n - i0);
      read_tile(at + i0, from.row, lanes, n, reinterpret_cast<Column<T>*>(x) + i0);
    }
    return;
  }
  Column<T> re[kStretch], im[kStretch];
  for (int64_t i0 = 0; i0 < plan.n; i0 += kStretch) {
    const int64_t n = least(kStretch, plan.n - i0);
    read_tile(at + i0, from.row, lanes, n, re);
    if (from.im != nullptr) read_tile(from.im + first * from.row + i0, from.row, lanes, n, im);
    for (int64_t i = 0; i < n; ++i) {
      const V b = from.im != nullptr ? V(sign) * V::load(im[i]) : V(0);
      Lanes<T>{V::load(re[i]), b}.store(x + (i0 + i) * kPlace);
    }
  }
}

template <class T>
CKERAS_INLINE void write_places(const Plan& plan, const T* z, Complexes<T> halves, int64_t first, int64_t lanes,
                                int64_t results, T sign, Parts<T> to) {
  using V = VecOf<T>;
  constexpr int64_t kPlace = LaneTransform<T>::kPlace;
  const auto number = [&](int64_t k) __attribute__((always_inline)) {
    if (!plan.half) return Lanes<T>::load(z + k * kPlace);
    const Lanes<T> a = Lanes<T>::load(z + (k == plan.n ? 0 : k) * kPlace);
    const Lanes<T> b = Lanes<T>::load(z + (k == 0 ? 0 : plan.n - k) * kPlace), w = all(halves, k);
    Lanes<T> v;
    unfold(a.re, a.im, b.re, b.im, w.re, w.im, &v.re, &v.im);
    if (k == 0 || k == plan.n) v.im = V(0);
    return v;
  };
  Column<T> re[kStretch], im[kStretch];
  for (int64_t k0 = 0; k0 < results; k0 += kStretch) {
    const int64_t n = least(kStretch, results - k0);
    for (int64_t k = 0; k < n; ++k) {
      const Lanes<T> v = number(k0 + k);
      v.re.store(re[k]);
      (V(sign) * v.im).store(im[k]);
    }
    write_tile(re, n, lanes, to.re + first * to.row + k0, to.row);
    write_tile(im, n, lanes, to.im + first * to.row + k0, to.row);
  }
}

// `to` has as many numbers as the call's rows of results.
template <class T>
void lane_rows(const Plan& plan, Parts<const T> from, Parts<T> to, int64_t results, T sign, T* memory) {
  const LaneTransform<T> one(plan.n, memory);
  T* const slots = memory + plan.table;
  one.fill(slots, slots + plan.slot / 2);
  const Complexes<T> halves = plan.halves(memory);
  parallel_for(plan.slots, 1, [&](int64_t begin, int64_t end) {
    for (int64_t slot = begin; slot < end; ++slot) {
      T* const x = slots + slot * plan.slot;
      T* const y = x + plan.slot / 2;
      for (int64_t group = slot; group < plan.count; group += plan.slots) {
        const int64_t first = group * plan.wide, lanes = least(plan.wide, plan.rows - first);
        read_places(plan, from, first, lanes, sign, x);
        T* z = one.run(x, y);
        if (from.im == nullptr) VecOf<T>(0).store(z + plan.wide);  // a sum of zeros
        write_places(plan, z, halves, first, lanes, results, sign, to);
      }
    }
  });
}

// to[i] = factor * from[i * step], step 1 or 2.
template <class T>
void widen(const T* from, int64_t step, int64_t n, double factor, double* to) {
  if (step == 1) {
    CKERAS_INDEPENDENT
    for (int64_t i = 0; i < n; ++i) to[i] = factor * static_cast<double>(from[i]);
  } else {
    CKERAS_INDEPENDENT
    for (int64_t i = 0; i < n; ++i) to[i] = factor * static_cast<double>(from[2 * i]);
  }
}
template <class T>
void narrow(const double* from, int64_t n, double factor, T* to) {
  CKERAS_INDEPENDENT
  for (int64_t i = 0; i < n; ++i) to[i] = static_cast<T>(factor * from[i]);
}

// Row after row, each shared by threads.
template <class T>
void single_rows(const Plan& plan, Parts<const T> from, Parts<T> to, int64_t results, double sign, double* memory) {
  constexpr int64_t kPiece = 1 << 13;
  const Transform one(plan.n, memory);
  one.fill();
  const Complexes<double> z{memory + plan.table, memory + plan.table + plan.m};
  const FineTurns halves = plan.fine_halves(memory);
  for (int64_t row = 0; row < plan.rows; ++row) {
    const T *re = from.re + row * from.row, *im = from.im != nullptr ? from.im + row * from.row : nullptr;
    parallel_for(plan.n, kPiece, [&](int64_t begin, int64_t end) {
      widen(re + begin * from.step, from.step, end - begin, 1, z.re + begin);
      if (im != nullptr) {
        widen(im + begin * from.step, from.step, end - begin, sign, z.im + begin);
      } else {
        for (int64_t i = begin; i < end; ++i) z.im[i] = 0;
      }
    });
    one.run(z);
    T *const to_re = to.re + row * to.row, *const to_im = to.im + row * to.row;
    parallel_for(results, kPiece, [&](int64_t begin, int64_t end) {
      if (!plan.half) {
        narrow(z.re + begin, end - begin, 1, to_re + begin);
        narrow(z.im + begin, end - begin, sign, to_im + begin);
        if (im == nullptr && begin == 0) to_im[0] = 0;
        return;
      }
      for (int64_t k = begin; k < end; ++k) {
        const int64_t at = k == plan.n ? 0 : k, other = k == 0 ? 0 : plan.n - k;
        double w_re, w_im, x, y;
        halves.at(k, &w_re, &w_im);
        unfold(z.re[at], sign * z.im[at], z.re[other], z.im[other], w_re, w_im, &x, &y);
        to_re[k] = static_cast<T>(x);
        to_im[k] = static_cast<T>(k == 0 || k == plan.n ? 0 : y);
      }
    });
  }
}

template <class T>
void transform(const Call& call) {
  const Plan plan(call);
  if (plan.rows == 0) return;
  const View &x = call.in[0], &y = call.out[0];
  const int64_t results = y.shape[y.rank - 1];
  const T* re = x.as<const T>();
  const T* im = call.n_in == 2 ? call.in[1].as<const T>() : plan.half ? re + 1 : nullptr;
  const Parts<const T> from{re, im, plan.half ? 2 : 1, x.shape[x.rank - 1]};
  const Parts<T> to{y.as<T>(), call.out[1].as<T>(), 1, results};
  const double sign = call.n_ints > 0 && call.ints[0] > 0 ? -1 : 1;  // backward: the conjugate's conjugate
  if (plan.lanes) return lane_rows(plan, from, to, results, static_cast<T>(sign), static_cast<T*>(call.workspace));
  single_rows(plan, from, to, results, sign, static_cast<double*>(call.workspace));
}

void dft(const Call& call) noexcept {
  if (call.in[0].dtype == DType::F64) return transform<double>(call);
  transform<float>(call);
}
int64_t dft_workspace(const Call& call) noexcept { return Plan(call).bytes(); }

}  // namespace

extern const Kernel kernel_dft, kernel_real_dft;
constinit const Kernel kernel_dft = {dft, dft_workspace, nullptr};
constinit const Kernel kernel_real_dft = {dft, dft_workspace, nullptr};

}  // namespace ckeras::CKERAS_ISA
