#include "ops/dft/dft.h"

#include "cpu/parallel.h"
#include "ops/dft/lanes.h"
#include "ops/dft/row.h"
#include "ops/dft/tiles.h"

namespace ckeras::CKERAS_ISA {
namespace {

// How a call is computed: by its shapes and dtype alone.
template <class T>
struct Plan {
  static constexpr int64_t kWide = VecOf<T>::kLanes;

  int64_t rows, n;       // transforms, their size
  bool half;             // pairs of an even row of real numbers are the complex ones
  bool lanes;            // several rows at a time, a row a lane
  bool many;             // else: threads have rows of their own, and do not share each
  int64_t count, slots;  // pieces of work; how many have memory at a time
  int64_t table, slot;   // numbers: the tables but those of halves, one slot

  explicit Plan(const DftOperand& from)
      : rows(from.rows.count), n(from.rows.n), half(from.im == nullptr && n % 2 == 0) {
    if (half) n /= 2;
    lanes = rows >= 4 && (is_smooth(n) ? n < kDftRowSize : lane_size(n) <= kDftLaneSize);
    many = rows > 1 && dft_size(n) <= kDftLaneSize;
    count = lanes ? ceil_div(rows, kWide) : rows;
    table = round_up(lanes ? lane_table(n) : RowTransform<T>::tables(n, many), kWide);
    slot = lanes ? 4 * kWide * (lane_size(n) + 1) : RowTransform<T>::work(n, many) + (half ? 2 * mirrored() : 0);
    slot = round_up(slot, kWide);
    slots = lanes || many ? least(count, least(32, at_least_one((int64_t{1} << 25) / (slot * kSize)))) : 1;
  }
  int64_t bytes() const { return rows > 0 ? (table + turns_of_halves() + slots * slot) * kSize : 0; }
  T* slots_in(T* memory) const { return memory + table + turns_of_halves(); }
  // Turns exp(-pi i k / n), k <= n.
  int64_t turns_of_halves() const {
    if (!half) return 0;
    return lanes ? round_up(2 * (n + 1), kWide) : MatrixTurns<T>::numbers(2, groups(), many);
  }
  int64_t groups() const { return n / kWide + 1; }  // vectors of n + 1 numbers
  // Numbers of a part of a transform that is read from both of its ends: there is room before and after.
  int64_t mirrored() const { return (groups() + 2) * kWide; }

 private:
  static constexpr int64_t kSize = sizeof(T);
};

// Where half, an imaginary part lies behind each real one.
template <class T>
struct Operand {
  DftRows rows;
  const T *re, *im;  // im: null where all are 0
  const T* weights;  // null, or what each row, of real numbers, is multiplied by
  T sign;            // backward -1: the conjugate's conjugate

  explicit Operand(const DftOperand& from)
      : rows(from.rows),
        re(from.re->as<const T>()),
        im(from.im != nullptr ? from.im->as<const T>() : nullptr),
        weights(from.weights != nullptr ? from.weights->as<const T>() : nullptr),
        sign(from.sign > 0 ? -1 : 1) {}
};
template <class T>
struct Results {
  T *re, *im;
  int64_t row;  // numbers of a row
};

// Numbers k and n - k of the transform of 2n real numbers from that of n pairs z: z[k], z[n - k], exp(-pi i k / n).
template <class V>
CKERAS_INLINE void unfold(V a_re, V a_im, V b_re, V b_im, V w_re, V w_im, V* re, V* im, V* other_re, V* other_im) {
  const V half(0.5);
  const V even_re = half * (a_re + b_re), even_im = half * (a_im - b_im);
  const V odd_re = half * (a_im + b_im), odd_im = half * (b_re - a_re);
  *re = fma(w_re, odd_re, fma(-w_im, odd_im, even_re));
  *im = fma(w_re, odd_im, fma(w_im, odd_re, even_im));
  *other_re = fnma(w_re, odd_re, fma(w_im, odd_im, even_re));
  *other_im = fma(w_re, odd_im, fma(w_im, odd_re, -even_im));
}

template <class T>
CKERAS_INLINE void weigh(Column<T>* tile, int64_t n, const T* weights) {
  using V = VecOf<T>;
  for (int64_t i = 0; i < n; ++i) (V::load(tile[i]) * V(weights[i])).store(tile[i]);
}

// The rows from `first` on as places of a LaneTransform, the last of them also for lanes beyond `lanes`; places after
// the last may get something too.
template <class T>
CKERAS_INLINE void read_places(const Plan<T>& plan, const Operand<T>& from, int64_t first, int64_t lanes, T* x) {
  using V = VecOf<T>;
  constexpr int64_t kPlace = LaneTransform<T>::kPlace, kLanes = V::kLanes;
  const T *re_row[kLanes], *im_row[kLanes];
  for (int64_t lane = 0; lane < kLanes; ++lane) {
    const int64_t at = from.rows.at(first + least(lane, lanes - 1));
    re_row[lane] = from.re + at;
    if (from.im != nullptr) im_row[lane] = from.im + at;
  }
  if (plan.half) {  // pairs lie in the rows as in a place
    for (int64_t i0 = 0; i0 < 2 * plan.n; i0 += kStretch) {
      const int64_t n = least(kStretch, 2 * plan.n - i0);
      Column<T>* const tile = reinterpret_cast<Column<T>*>(x) + i0;
      read_tile(re_row, i0, n, tile);
      if (from.weights != nullptr) weigh(tile, n, from.weights + i0);
    }
    return;
  }
  Column<T> re[kStretch], im[kStretch];
  for (int64_t i0 = 0; i0 < plan.n; i0 += kStretch) {
    const int64_t n = least(kStretch, plan.n - i0);
    read_tile(re_row, i0, n, re);
    if (from.im != nullptr) read_tile(im_row, i0, n, im);
    if (from.weights != nullptr) weigh(re, n, from.weights + i0);
    for (int64_t i = 0; i < n; ++i) {
      const V b = from.im != nullptr ? V(from.sign) * V::load(im[i]) : V(0);
      Lanes<T>{V::load(re[i]), b}.store(x + (i0 + i) * kPlace);
    }
  }
}

template <class T>
CKERAS_INLINE void write_places(const Plan<T>& plan, const T* z, Complexes<T> halves, int64_t first, int64_t lanes,
                                T sign, Results<T> to) {
  using V = VecOf<T>;
  constexpr int64_t kPlace = LaneTransform<T>::kPlace;
  const auto number = [&](int64_t k) __attribute__((always_inline)) {
    if (!plan.half) return Lanes<T>::load(z + k * kPlace);
    const Lanes<T> a = Lanes<T>::load(z + (k == plan.n ? 0 : k) * kPlace);
    const Lanes<T> b = Lanes<T>::load(z + (k == 0 ? 0 : plan.n - k) * kPlace), w = all(halves, k);
    Lanes<T> v, other;
    unfold(a.re, a.im, b.re, b.im, w.re, w.im, &v.re, &v.im, &other.re, &other.im);
    if (k == 0 || k == plan.n) v.im = V(0);
    return v;
  };
  Column<T> re[kStretch], im[kStretch];
  for (int64_t k0 = 0; k0 < to.row; k0 += kStretch) {
    const int64_t n = least(kStretch, to.row - k0);
    for (int64_t k = 0; k < n; ++k) {
      const Lanes<T> v = number(k0 + k);
      v.re.store(re[k]);
      (V(sign) * v.im).store(im[k]);
    }
    write_tile(re, n, lanes, to.re + first * to.row + k0, to.row);
    write_tile(im, n, lanes, to.im + first * to.row + k0, to.row);
  }
}

template <class T>
void lane_rows(const Plan<T>& plan, const Operand<T>& from, Results<T> to, T* memory) {
  const LaneTransform<T> one(plan.n, memory);
  T* const slots = plan.slots_in(memory);
  one.fill(slots, slots + plan.slot / 2);
  const Complexes<T> halves{memory + plan.table, memory + plan.table + plan.n + 1};
  const int64_t n = plan.n;
  if (plan.half) turns(halves, n + 1, n, [](int64_t k) __attribute__((always_inline)) { return k; });
  parallel_for(plan.slots, 1, [&](int64_t begin, int64_t end) {
    for (int64_t slot = begin; slot < end; ++slot) {
      T* const x = slots + slot * plan.slot;
      T* const y = x + plan.slot / 2;
      for (int64_t group = slot; group < plan.count; group += plan.slots) {
        const int64_t first = group * plan.kWide, lanes = least(plan.kWide, plan.rows - first);
        read_places(plan, from, first, lanes, x);
        T* z = one.run(x, y);
        if (!plan.half && from.im == nullptr) VecOf<T>(0).store(z + plan.kWide);  // a sum of zeros
        write_places(plan, z, halves, first, lanes, from.sign, to);
      }
    }
  });
}

// Rows one by one; kWeighed: the operand has weights.
template <class T, bool kWeighed>
class Rows {
 public:
  using V = VecOf<T>;
  static constexpr int64_t kLanes = V::kLanes;

  Rows(const Plan<T>& plan, const Operand<T>& from, Results<T> to, T* memory)
      : plan_(plan),
        from_(from),
        to_(to),
        one_(plan.n, plan.many, memory),
        halves_(2, plan.groups(), 2 * plan.n, plan.many, memory + plan.table),
        slots_(plan.slots_in(memory)) {}

  void run() const {
    one_.fill(slots_);
    if (plan_.half) halves_.fill();
    const int64_t share = ceil_div(plan_.rows, plan_.slots);
    const int64_t grain = at_least_one(kPiece / (plan_.n * share));
    parallel_for(plan_.slots, plan_.many ? grain : 1, [&](int64_t begin, int64_t end) {
      for (int64_t slot = begin; slot < end; ++slot) {
        const int64_t last = least(plan_.rows, (slot + 1) * share);
        for (int64_t row = slot * share; row < last; ++row) transform(row, slots_ + slot * plan_.slot);
      }
    });
  }

 private:
  static constexpr int64_t kPiece = 1 << 13;  // numbers of a piece of parallel work, at least

  void transform(int64_t row, T* memory) const {
    const int64_t at = from_.rows.at(row);
    const T *re = from_.re + at, *im = from_.im != nullptr ? from_.im + at : nullptr, *weights = from_.weights;
    T *const to_re = to_.re + row * to_.row, *const to_im = to_.im + row * to_.row;
    if (plan_.half) return transform_pairs(re, to_re, to_im, memory);
    const V sign(from_.sign);
    const int64_t results = to_.row;
    const auto write = [=](int64_t k, Lanes<T> v, int64_t count) __attribute__((always_inline)) {
      count = least(count, results - k);
      store_some(to_re + k, v.re, count);
      store_some(to_im + k, sign * v.im, count);
    };
    if (im == nullptr) {
      const auto read = [=](int64_t i, int64_t count) __attribute__((always_inline)) {
        V v = load_some<V>(re + i, count);
        if constexpr (kWeighed) v = v * load_some<V>(weights + i, count);
        return Lanes<T>{v, V(0)};
      };
      one_.run(memory, read, write);
      to_im[0] = 0;  // a sum of zeros
      return;
    }
    const auto read = [=](int64_t i, int64_t count) __attribute__((always_inline)) {
      return Lanes<T>{load_some<V>(re + i, count), sign * load_some<V>(im + i, count)};
    };
    one_.run(memory, read, write);
  }
  // As many pairs as there are lanes, the last of them 0 where `count` is less.
  static CKERAS_MEMBER Lanes<T> pairs_of(const T* from, int64_t count) {
    Lanes<T> v;
    if (count >= kLanes) {
      split_pairs(from, &v.re, &v.im);
    } else {
      T pairs[2 * kLanes] = {};
      for (int64_t k = 0; k < 2 * count; ++k) pairs[k] = from[k];
      split_pairs(pairs, &v.re, &v.im);
    }
    return v;
  }
  void transform_pairs(const T* x, T* to_re, T* to_im, T* memory) const {
    T* const z_re = memory + plan_.slot - 2 * plan_.mirrored() + kLanes;
    T* const z_im = z_re + plan_.mirrored();
    const int64_t ahead = from_.rows.step;
    const T* const weights = from_.weights;
    const auto read = [=](int64_t i, int64_t count) __attribute__((always_inline)) {
      __builtin_prefetch(x + ahead + 2 * i);
      __builtin_prefetch(x + ahead + 2 * i + kLanes);
      Lanes<T> v = pairs_of(x + 2 * i, count);
      if constexpr (kWeighed) {
        const Lanes<T> w = pairs_of(weights + 2 * i, count);
        v = {v.re * w.re, v.im * w.im};
      }
      return v;
    };
    one_.run(memory, read, [=](int64_t k, Lanes<T> v, int64_t count) __attribute__((always_inline)) {
      store_some(z_re + k, v.re, count);
      store_some(z_im + k, v.im, count);
    });
    const int64_t n = plan_.n;
    z_re[n] = z_re[0];
    z_im[n] = z_im[0];
    for (int64_t i = 1; i < kLanes; ++i) z_re[-i] = z_im[-i] = z_re[n + i] = z_im[n + i] = 0;
    // Vectors from both ends, whose numbers mirror each other, then those in the middle one by one.
    const int64_t mirrored = (n + 1) / (2 * kLanes);
    const auto unfold_groups = [=, this](int64_t begin, int64_t end) {
      for (int64_t g = begin; g < end; ++g) {
        const int64_t k = g * kLanes, last = n - k - (kLanes - 1), count = n + 1 - mirrored * kLanes - k;
        if (count <= 0) return;
        const Lanes<T> a = Lanes<T>{V::load(z_re + k), V::load(z_im + k)};
        const Lanes<T> b = {reversed(V::load(z_re + last)), reversed(V::load(z_im + last))};
        const Lanes<T> w = halves_.at(1, g);
        V re, im, mirrored_re, mirrored_im;
        unfold(a.re, a.im, b.re, b.im, w.re, w.im, &re, &im, &mirrored_re, &mirrored_im);
        store_some(to_re + k, re, count);
        store_some(to_im + k, im, count);
        if (g >= mirrored) continue;
        reversed(mirrored_re).store(to_re + last);
        reversed(mirrored_im).store(to_im + last);
      }
    };
    if (plan_.many) {
      unfold_groups(0, plan_.groups());
    } else {
      parallel_for(plan_.groups(), kPiece / kLanes, unfold_groups);
    }
    to_im[0] = to_im[n] = 0;  // sums of zeros
  }

  const Plan<T> plan_;
  const Operand<T> from_;
  const Results<T> to_;
  RowTransform<T> one_;
  MatrixTurns<T> halves_;
  T* slots_;
};

template <class T>
void transform(const Call& call, const DftOperand& from) {
  const Plan<T> plan(from);
  if (plan.rows == 0) return;
  const View& y = call.out[0];
  const Results<T> to{y.as<T>(), call.out[1].as<T>(), y.shape[y.rank - 1]};
  T* const memory = static_cast<T*>(call.workspace);
  const Operand<T> operand(from);
  if (plan.lanes) return lane_rows(plan, operand, to, memory);
  if (operand.weights != nullptr) return Rows<T, true>(plan, operand, to, memory).run();
  Rows<T, false>(plan, operand, to, memory).run();
}

template <DftOperand (*operand)(const Call&)>
void run(const Call& call) noexcept {
  if (call.in[0].dtype == DType::F64) return transform<double>(call, operand(call));
  transform<float>(call, operand(call));
}
template <DftOperand (*operand)(const Call&)>
int64_t workspace(const Call& call) noexcept {
  const DftOperand from = operand(call);
  return call.in[0].dtype == DType::F64 ? Plan<double>(from).bytes() : Plan<float>(from).bytes();
}
template <DftOperand (*operand)(const Call&)>
constexpr Kernel kKernel = {run<operand>, workspace<operand>, nullptr};

}  // namespace

extern const Kernel kernel_dft, kernel_real_dft, kernel_short_time_dft;
constinit const Kernel kernel_dft = kKernel<dft_operand>;
constinit const Kernel kernel_real_dft = kKernel<real_dft_operand>;
constinit const Kernel kernel_short_time_dft = kKernel<short_time_dft_operand>;

}  // namespace ckeras::CKERAS_ISA
