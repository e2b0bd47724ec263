#include "ops/updates/updates.h"

#include "cpu/parallel.h"
#include "ops/storage.h"
#include "ops/updates/choose.h"

namespace ckeras::CKERAS_ISA {
namespace {

constexpr int64_t kPiece = 1 << 14;  // elements a piece of parallel work updates

// step(storage, variable, first, n) over all variables laid end to end, cut every kPiece elements; the first output of
// each variable is `stride` apart. So many small variables are one piece.
template <class Step>
void for_pieces(const Call& call, int stride, const Step& step) {
  int64_t total = 0;
  for (int i = 0; i < call.n_out; i += stride) total += call.out[i].size();
  parallel_for(total, kPiece, [&](int64_t begin, int64_t end) {
    for (int i = 0; i < call.n_out && end > 0; i += stride) {  // begin and end count from the start of variable i
      const int64_t size = call.out[i].size(), first = begin > 0 ? begin : 0, last = least(end, size);
      if (first < last) with_storage(call.out[i].dtype, [&](auto s) { step(s, i / stride, first, last - first); });
      begin -= size;
      end -= size;
    }
  });
}

double scalar(const View& view) {
  double x = 0;
  with_storage(view.dtype, [&](auto s) { x = s.get(*view.as<const typename decltype(s)::Element>()); });
  return x;
}

// A run of n elements of one variable, whose gradients are at `g`. `constants`: what rules.h calls k.
template <class Rule, class S>
void piece(const Call& call, S, int64_t variable, int64_t first, int64_t n, const typename S::Element* g,
           const double* constants) {
  using V = typename S::V;
  using Element = typename S::Element;
  constexpr int kSlots = Rule::kSlots, kConstants = Rule::kScalars + Rule::kFloats;
  const View* in = call.in + Rule::kScalars + variable * (kSlots + 2);
  const View* out = call.out + variable * (kSlots + 1);
  const Element *p = in[0].as<Element>() + first, *old[kSlots + 1];
  Element *moved = out[0].as<Element>() + first, *fresh[kSlots + 1];
  for (int j = 0; j < kSlots; ++j) {
    old[j] = in[2 + j].as<Element>() + first;
    fresh[j] = out[1 + j].as<Element>() + first;
  }
  V k[kConstants];
  for (int j = 0; j < kConstants; ++j) k[j] = V(static_cast<typename S::T>(constants[j]));
  for (int64_t i = 0; i < n; i += V::kLanes) {
    V slots[kSlots + 1];
    for (int j = 0; j < kSlots; ++j) slots[j] = S::load(old[j] + i, n - i);
    S::store(moved + i, Rule::step(S::load(p + i, n - i), S::load(g + i, n - i), slots, k), n - i);
    for (int j = 0; j < kSlots; ++j) S::store(fresh[j] + i, slots[j], n - i);
  }
}

// body(i, n, g) for n elements from i on, with their gradients as float32.
template <class Body>
void with_widened(const View& gradient, int64_t first, int64_t last, const Body& body) {
  constexpr int64_t kFew = 1024;  // they stay in the first-level cache
  alignas(64) float wide[kFew];
  with_storage(gradient.dtype, [&](auto s) {
    if constexpr (decltype(s)::kHalf) {
      for (int64_t i = first; i < last; i += kFew) {
        const int64_t n = least(kFew, last - i);
        const uint16_t* from = gradient.as<const uint16_t>() + i;
        for (int64_t j = 0; j < n; j += V16::kLanes) s.load(from + j, n - j).store(wide + j);
        body(i, n, static_cast<const float*>(wide));
      }
    }
  });
}

template <class Rule>
void run(const Call& call) {
  double constants[Rule::kScalars + Rule::kFloats];
  for (int j = 0; j < Rule::kScalars; ++j) constants[j] = scalar(call.in[j]);
  for (int j = 0; j < Rule::kFloats; ++j) constants[Rule::kScalars + j] = call.floats[j];
  for_pieces(call, Rule::kSlots + 1, [&](auto s, int64_t variable, int64_t first, int64_t n) {
    using Element = typename decltype(s)::Element;
    const View& gradient = call.in[Rule::kScalars + variable * (Rule::kSlots + 2) + 1];
    if constexpr (__is_same(Element, float)) {
      if (gradient.dtype != DType::F32) {
        with_widened(gradient, first, first + n, [&](int64_t i, int64_t count, const float* g) {
          piece<Rule>(call, s, variable, i, count, g, constants);
        });
        return;
      }
    }
    piece<Rule>(call, s, variable, first, n, gradient.as<const Element>() + first, constants);
  });
}

}  // namespace
}  // namespace ckeras::CKERAS_ISA
