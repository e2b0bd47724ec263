#include "ops/linalg/rotations.h"

#include "cpu/parallel.h"

namespace ckeras::CKERAS_ISA {
namespace {

// Columns that are done together, in the second-level cache; and those whose rows are carried in registers.
constexpr int64_t kColumns = 64;

// One sweep over whole vectors: of two neighbouring rows the one that comes back is not stored in between.
template <class T, int kVectors>
CKERAS_INLINE void sweep_columns(const Sweep& sweep, const Turn<T>* turn, T* x, int64_t ld) {
  using V = VecOf<T>;
  constexpr int64_t kLanes = V::kLanes;
  T* row = x + sweep.first * ld;
  const int64_t step = sweep.step * ld;
  V kept[kVectors];
  CKERAS_UNROLL
  for (int i = 0; i < kVectors; ++i) kept[i] = V::load(row + i * kLanes);
  for (int64_t j = 0; j < sweep.count; ++j, row += step) {
    const V c(turn[j].c), s(turn[j].s);
    CKERAS_UNROLL
    for (int i = 0; i < kVectors; ++i) {
      const V other = V::load(row + step + i * kLanes);
      fma(c, kept[i], s * other).store(row + i * kLanes);
      kept[i] = fnma(s, kept[i], c * other);
    }
  }
  CKERAS_UNROLL
  for (int i = 0; i < kVectors; ++i) kept[i].store(row + i * kLanes);
}

template <class T>
CKERAS_INLINE void sweep_rest(const Sweep& sweep, const Turn<T>* turn, T* x, int64_t ld, int64_t columns) {
  using V = VecOf<T>;
  T* row = x + sweep.first * ld;
  const int64_t step = sweep.step * ld;
  V kept = V::load(row, columns);
  for (int64_t j = 0; j < sweep.count; ++j, row += step) {
    const V c(turn[j].c), s(turn[j].s), other = V::load(row + step, columns);
    fma(c, kept, s * other).store(row, columns);
    kept = fnma(s, kept, c * other);
  }
  kept.store(row, columns);
}

}  // namespace

template <class T>
void apply_sweeps(const Sweep* sweeps, int64_t count, const Turn<T>* turns, T* x, int64_t ld,
                  int64_t columns) noexcept {
  constexpr int64_t kLanes = VecOf<T>::kLanes, kTogether = kColumns / kLanes < 4 ? kColumns / kLanes : 4;
  int64_t work = 0;
  for (int64_t i = 0; i < count; ++i) work += sweeps[i].count;
  const int64_t stripes = ceil_div(columns, kColumns);
  const int64_t grain = most(1, (int64_t{1} << 17) / (work * kColumns + 1));
  parallel_for(stripes, grain, [&](int64_t begin, int64_t end) {
    for (int64_t stripe = begin; stripe < end; ++stripe) {
      const int64_t last = least(columns, (stripe + 1) * kColumns);
      for (int64_t i = 0; i < count; ++i) {
        const Turn<T>* const turn = turns + sweeps[i].turns;
        int64_t j = stripe * kColumns;
        for (; j + kTogether * kLanes <= last; j += kTogether * kLanes) {
          sweep_columns<T, kTogether>(sweeps[i], turn, x + j, ld);
        }
        for (; j < last; j += kLanes) sweep_rest(sweeps[i], turn, x + j, ld, last - j);
      }
    }
  });
}
template void apply_sweeps<float>(const Sweep*, int64_t, const Turn<float>*, float*, int64_t, int64_t) noexcept;
template void apply_sweeps<double>(const Sweep*, int64_t, const Turn<double>*, double*, int64_t, int64_t) noexcept;

}  // namespace ckeras::CKERAS_ISA
