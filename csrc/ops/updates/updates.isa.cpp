#include "ops/updates/updates.h"

#include "cpu/parallel.h"
#include "ops/storage.h"
#include "ops/updates/choose.h"

namespace ckeras::CKERAS_ISA {
namespace {

constexpr int64_t kPiece = 1 << 14;  // elements a piece of parallel work updates
constexpr int64_t kFew = 1024;       // so many of each array are widened at once: they stay in the first-level cache
constexpr int kMaxSlots = 3, kMaxConstants = 8;

// A rule over n elements: in p, g, slots, out p', slots'; `constants`: what rules.h calls k.
using Apply = void (*)(const void* const* in, void* const* out, int64_t n, const double* constants);

template <class Rule, class T>
void apply(const void* const* in, void* const* out, int64_t n, const double* constants) {
  using S = Plain<T>;
  using V = typename S::V;
  constexpr int kSlots = Rule::kSlots, kConstants = Rule::kScalars + Rule::kFloats;
  static_assert(kSlots <= kMaxSlots && kConstants <= kMaxConstants);
  const T* from[kSlots + 2];
  T* to[kSlots + 1];
  V k[kConstants];
  for (int j = 0; j < kSlots + 2; ++j) from[j] = static_cast<const T*>(in[j]);
  for (int j = 0; j < kSlots + 1; ++j) to[j] = static_cast<T*>(out[j]);
  for (int j = 0; j < kConstants; ++j) k[j] = V(static_cast<T>(constants[j]));
  for (int64_t i = 0; i < n; i += V::kLanes) {
    V slots[kSlots + 1];
    for (int j = 0; j < kSlots; ++j) slots[j] = S::load(from[2 + j] + i, n - i);
    S::store(to[0] + i, Rule::step(S::load(from[0] + i, n - i), S::load(from[1] + i, n - i), slots, k), n - i);
    for (int j = 0; j < kSlots; ++j) S::store(to[1 + j] + i, slots[j], n - i);
  }
}

struct Update {
  int scalars, slots, floats;
  Apply of_float, of_double;
};

bool half(const View& view) { return view.dtype == DType::F16 || view.dtype == DType::BF16; }

// f(half's storage) for each vector's worth of elements [first, first + n) of a half's array.
template <class F>
void each_half(const View& view, int64_t first, int64_t n, const F& f) {
  with_storage(view.dtype, [&](auto s) {
    if constexpr (decltype(s)::kHalf) {
      for (int64_t i = 0; i < n; i += V16::kLanes) f(s, view.as<uint16_t>() + first + i, i);
    }
  });
}
void widen(const View& from, int64_t first, int64_t n, float* to) {
  each_half(from, first, n, [&](auto s, const uint16_t* at, int64_t i) { s.load(at, n - i).store(to + i); });
}
void narrow(const float* from, const View& to, int64_t first, int64_t n) {
  each_half(to, first, n, [&](auto s, uint16_t* at, int64_t i) { s.store(at, V16::load(from + i), n - i); });
}

// Elements [first, first + n) of one variable: `in` are its p, g and slots, `out` what becomes of p and the slots.
// Halves go through float32.
void update_run(const Update& update, const View* in, const View* out, int64_t first, int64_t n,
                const double* constants) {
  alignas(64) float wide[kMaxSlots + 2][kFew];
  const int inputs = update.slots + 2, outputs = update.slots + 1;
  const bool doubles = out[0].dtype == DType::F64, some_half = half(out[0]) || half(in[1]);
  const int64_t size = doubles ? 8 : 4, step = some_half ? kFew : n;
  for (int64_t i = first; i < first + n; i += step) {
    const int64_t count = least(step, first + n - i);
    const void* from[kMaxSlots + 2];
    void* to[kMaxSlots + 1];
    for (int j = 0; j < inputs; ++j) {
      from[j] = half(in[j]) ? static_cast<const void*>(wide[j]) : static_cast<const char*>(in[j].data) + i * size;
      if (half(in[j])) widen(in[j], i, count, wide[j]);
    }
    for (int j = 0; j < outputs; ++j) {
      to[j] = half(out[j]) ? static_cast<void*>(wide[j + (j > 0)]) : static_cast<char*>(out[j].data) + i * size;
    }
    (doubles ? update.of_double : update.of_float)(from, to, count, constants);
    for (int j = 0; j < outputs; ++j) {
      if (half(out[j])) narrow(wide[j + (j > 0)], out[j], i, count);
    }
  }
}

double scalar(const View& view) {
  double x = 0;
  with_storage(view.dtype, [&](auto s) { x = s.get(*view.as<const typename decltype(s)::Element>()); });
  return x;
}

// All variables laid end to end are cut every kPiece elements, so many small ones are one piece.
void run_update(const Update& update, const Call& call) {
  double constants[kMaxConstants];
  for (int j = 0; j < update.scalars; ++j) constants[j] = scalar(call.in[j]);
  for (int j = 0; j < update.floats; ++j) constants[update.scalars + j] = call.floats[j];
  const int inputs = update.slots + 2, outputs = update.slots + 1;
  int64_t total = 0;
  for (int i = 0; i < call.n_out; i += outputs) total += call.out[i].size();
  parallel_for(total, kPiece, [&](int64_t begin, int64_t end) {
    for (int i = 0; i * outputs < call.n_out && end > 0; ++i) {  // begin and end count from the start of variable i
      const View* out = call.out + i * outputs;
      const int64_t size = out->size(), first = begin > 0 ? begin : 0, last = least(end, size);
      if (first < last) {
        update_run(update, call.in + update.scalars + i * inputs, out, first, last - first, constants);
      }
      begin -= size;
      end -= size;
    }
  });
}

template <class Rule>
void run(const Call& call) {
  static constexpr Update kUpdate = {Rule::kScalars, Rule::kSlots, Rule::kFloats, apply<Rule, float>,
                                     apply<Rule, double>};
  run_update(kUpdate, call);
}

}  // namespace
}  // namespace ckeras::CKERAS_ISA
