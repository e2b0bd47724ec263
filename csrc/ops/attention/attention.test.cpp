// attention and attention_grad against their references: sizes around the blocks, shared keys, bias, masks, cap.
#include "ops/testing.h"

using namespace ckeras;
using namespace ckeras::testing;

namespace {

struct Case {
  int64_t batch, queries, heads, depth, keys, groups;
  bool causal;
  Shape bias, mask;  // empty: none
  double cap;
  int64_t out_of_reach = 0;  // keys whose bias is minus infinity
};

const Case kCases[] = {
    {1, 1, 1, 1, 1, 1, false, {}, {}, 0},
    {2, 5, 4, 3, 7, 2, false, {2, 4, 5, 7}, {2, 1, 5, 7}, 0},
    {1, 97, 2, 17, 131, 1, true, {}, {}, 0},
    {1, 131, 2, 8, 97, 2, true, {1, 2, 1, 97}, {}, 0},
    {2, 33, 3, 16, 257, 3, false, {1, 1, 33, 1}, {2, 1, 1, 257}, 2},
    {1, 193, 1, 5, 300, 1, true, {}, {1, 1, 193, 1}, 0.5},
    {1, 7, 2, 300, 20, 1, false, {}, {}, 0},
    {3, 64, 2, 32, 64, 2, true, {3, 1, 1, 1}, {}, 0},
    {6, 1, 3, 64, 260, 3, false, {}, {}, 0},  // more keys than are packed at once
    {1, 3, 2, 4, 300, 2, false, {1, 1, 1, 300}, {}, 0, 257},
    {16, 97, 4, 5, 130, 4, false, {}, {}, 0},  // so many that each packs its own keys
    {32, 9, 4, 3, 10, 2, true, {}, {}, 0},
};

}  // namespace

int main() {
  for (DType dtype : kFloats) {
    const bool half = size_of(dtype) == 2;
    const DType wide = half ? DType::F32 : dtype;
    const double rounding = dtype == DType::F64 ? 0x1p-52 : 0x1p-23, once = half ? epsilon(dtype) : 0;
    const double factors = dtype == DType::BF16 ? once : 0;  // weights and slopes are rounded, too
    for (const Case& c : kCases) {
      const Shape queries = {c.batch, c.queries, c.heads, c.depth}, keys = {c.batch, c.keys, c.groups, c.depth};
      const Shape rows = {c.batch, c.heads, c.queries};
      const Array q = random_array(dtype, queries, 1), k = random_array(dtype, keys, 2);
      const Array v = random_array(dtype, keys, 3), dy = random_array(dtype, queries, 4);
      std::vector<Array> more;
      if (!c.bias.empty()) more.push_back(random_array(wide, c.bias, 5));
      for (int64_t i = 0; i < c.out_of_reach; ++i) more[0].set(i, -INFINITY);
      if (!c.mask.empty()) more.push_back(sample(DType::Bool, c.mask, 6));
      Attributes attributes{{c.causal, !c.bias.empty(), !c.mask.empty()}, {0.5, c.cap}};
      std::vector<const Array*> in = {&q, &k, &v};
      for (const Array& a : more) in.push_back(&a);
      const std::vector<Out> outs = {{dtype, queries}, {wide, rows}, {wide, rows}};
      check_kernel("attention", in, outs, attributes, {256 * rounding + once, 64 * rounding + factors});

      const Outcome forward = run(cpu::Isa::Reference, "attention", in, outs, attributes);
      in = {&q, &k, &v, &forward.out[0], &dy, &forward.out[1], &forward.out[2]};
      for (const Array& a : more) in.push_back(&a);
      for (bool wants_bias : {false, !c.bias.empty()}) {
        attributes.ints = {c.causal, !c.bias.empty(), !c.mask.empty(), wants_bias};
        std::vector<Out> grads = {{dtype, queries}, {dtype, keys}, {dtype, keys}};
        if (wants_bias) grads.push_back({wide, {c.batch, c.heads, c.queries, c.keys}});
        check_kernel("attention_grad", in, grads, attributes, {1024 * rounding + once, 1024 * rounding + factors});
      }
    }
  }
  return CHECK_RESULT();
}
