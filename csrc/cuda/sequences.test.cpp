// Recurrent layers, attention and the connectionist loss against their references, with their gradients: sizes around
// blocks, masks, both directions, no time, no batch, labels that cannot be.
#include <cmath>

#include "cuda/testing/device.h"

using namespace ckeras;
using namespace ckeras::testing;
using cuda::testing::check_op;

namespace {

struct Layer {
  const char* op;
  int64_t gates, states;
  bool after;
};

void check_layer(const Layer& layer, DType dtype, int64_t b, int64_t t, int64_t i, int64_t u, bool reversed,
                 bool masked) {
  const int64_t w = layer.gates * u;
  const double error = (dtype == DType::F64 ? 0x1p-52 : 0x1p-23) * 64 * static_cast<double>(t + 1);
  const Tolerance tolerance = {error, 4 * error};
  std::vector<Array> in;
  in.push_back(random_array(dtype, {b, t, i}, 1));
  for (int64_t k = 0; k < layer.states; ++k) in.push_back(random_array(dtype, {b, u}, 2 + static_cast<uint32_t>(k)));
  for (int64_t rows : {i, u}) {
    Array weights = random_array(dtype, {rows, w}, 5 + static_cast<uint32_t>(rows));
    for (int64_t e = 0; e < weights.view.size(); ++e)
      weights.set(e, weights.at(e) / std::sqrt(static_cast<double>(rows)));
    in.push_back(std::move(weights));
  }
  const Shape bias = layer.after ? Shape{2, w} : Shape{w};
  in.push_back(random_array(dtype, bias, 7));
  Array mask(DType::Bool, {b, t});
  for (int64_t p = 0; p < b * t; ++p) mask.bytes[static_cast<size_t>(p)] = p * 7 % 5 != 0;
  std::vector<const Array*> args;
  for (const Array& a : in) args.push_back(&a);
  std::vector<const Array*> back(args.begin(), args.end() - 1);
  if (masked) args.push_back(&mask);
  const bool lstm = layer.states == 2, simple = layer.gates == 1;
  std::vector<Out> outs = {{dtype, {b, t, u}}, {dtype, {b, u}}};
  if (lstm) outs.insert(outs.end(), {{dtype, {b, u}}, {dtype, {b, t, u}}});
  if (!simple) outs.push_back({dtype, {b, t, 4 * u}});
  const Attributes attributes = {{reversed, masked, layer.after}, {}};
  check_op(layer.op, args, outs, attributes, tolerance);

  const Outcome forward = run(cpu::Isa::Reference, layer.op, args, outs, attributes);
  std::vector<Array> gradients;
  for (int64_t k = 0; k < layer.states; ++k)
    gradients.push_back(random_array(dtype, {b, u}, 11 + static_cast<uint32_t>(k)));
  const Array gy = random_array(dtype, {b, t, u}, 13);
  back.push_back(&forward.out[0]);
  for (size_t k = 1 + static_cast<size_t>(layer.states); k < forward.out.size(); ++k) back.push_back(&forward.out[k]);
  for (const Array& g : gradients) back.push_back(&g);
  if (masked) back.push_back(&mask);
  for (int wants = 0; wants < 4; wants += 3) {  // neither gy nor dx, both
    std::vector<const Array*> now = back;
    if (wants != 0) now.push_back(&gy);
    std::vector<Out> grads(static_cast<size_t>(layer.states), Out{dtype, {b, u}});
    grads.insert(grads.end(), {{dtype, {i, w}}, {dtype, {u, w}}, {dtype, bias}});
    if (wants != 0) grads.push_back({dtype, {b, t, i}});
    const double rows = 1 + static_cast<double>(b);
    check_op((std::string(layer.op) + "_grad").c_str(), now, grads,
             {{reversed, masked, layer.after, wants != 0, wants != 0}, {}}, {error * rows, 4 * error * rows});
  }
}

struct Case {
  int64_t batch, queries, heads, depth, keys, groups;
  bool causal;
  Shape bias, mask;  // empty: none
  double cap;
};

void check_attention(const Case& c, DType dtype) {
  const DType wide = size_of(dtype) == 2 ? DType::F32 : dtype;
  const double rounding = dtype == DType::F64 ? 0x1p-52 : 0x1p-23;
  // Of halves, weights and slopes round before the second products.
  const double once = size_of(dtype) == 2 ? epsilon(dtype) : 0;
  const Shape queries = {c.batch, c.queries, c.heads, c.depth}, keys = {c.batch, c.keys, c.groups, c.depth};
  const Shape rows = {c.batch, c.heads, c.queries};
  const Array q = random_array(dtype, queries, 1), k = random_array(dtype, keys, 2);
  const Array v = random_array(dtype, keys, 3), dy = random_array(dtype, queries, 4);
  std::vector<Array> more;
  if (!c.bias.empty()) more.push_back(random_array(wide, c.bias, 5));
  if (!c.mask.empty()) more.push_back(sample(DType::Bool, c.mask, 6));
  Attributes attributes{{c.causal, !c.bias.empty(), !c.mask.empty()}, {0.5, c.cap}};
  std::vector<const Array*> in = {&q, &k, &v};
  for (const Array& a : more) in.push_back(&a);
  const std::vector<Out> outs = {{dtype, queries}, {wide, rows}, {wide, rows}};
  check_op("attention", in, outs, attributes, {256 * rounding + 2 * once, 64 * rounding + 2 * once});

  const Outcome forward = run(cpu::Isa::Reference, "attention", in, outs, attributes);
  in = {&q, &k, &v, &forward.out[0], &dy, &forward.out[1], &forward.out[2]};
  for (const Array& a : more) in.push_back(&a);
  for (bool wants_bias : {false, !c.bias.empty()}) {
    attributes.ints = {c.causal, !c.bias.empty(), !c.mask.empty(), wants_bias};
    std::vector<Out> grads = {{dtype, queries}, {dtype, keys}, {dtype, keys}};
    if (wants_bias) grads.push_back({wide, {c.batch, c.heads, c.queries, c.keys}});
    check_op("attention_grad", in, grads, attributes, {1024 * rounding + 4 * once, 1024 * rounding + 16 * once});
  }
}

Array integers(const Shape& shape, const std::vector<int32_t>& values) {
  Array a(DType::I32, shape);
  for (int64_t i = 0; i < a.view.size(); ++i) a.view.as<int32_t>()[i] = values[static_cast<size_t>(i) % values.size()];
  return a;
}
void check_ctc(DType dtype, int64_t batch, int64_t times, int64_t classes, int64_t most,
               const std::vector<int32_t>& labels, const std::vector<int32_t>& label_lengths,
               const std::vector<int32_t>& lengths) {
  Array logp = random_array(dtype, {batch, times, classes}, 3);
  for (int64_t i = 0; i < logp.view.size(); ++i) logp.set(i, logp.at(i) - 2);
  const Array l = integers({batch, most}, labels), ln = integers({batch}, label_lengths),
              tn = integers({batch}, lengths);
  const double rounding = dtype == DType::F64 ? 0x1p-44 : 0x1p-22;
  check_op("ctc_loss", {&logp, &l, &ln, &tn}, {{dtype, {batch}}, {dtype, {batch, times, classes}}}, {{0}, {}},
           {rounding, rounding});
}

}  // namespace

int main() {
  CHECK_DEVICE();
  const Layer layers[] = {
      {"lstm", 4, 2, false}, {"gru", 3, 1, false}, {"gru", 3, 1, true}, {"simple_rnn", 1, 1, false}};
  for (const Layer& layer : layers) {
    for (DType dtype : {DType::F32, DType::F64}) {
      check_layer(layer, dtype, 3, 5, 4, 7, false, false);
      check_layer(layer, dtype, 17, 3, 2, 17, true, true);
    }
    check_layer(layer, DType::F32, 2, 4, 3, 5, false, true);
    check_layer(layer, DType::F32, 2, 4, 3, 5, true, false);
    check_layer(layer, DType::F32, 3, 0, 4, 5, false, false);
    check_layer(layer, DType::F32, 0, 3, 4, 5, false, false);
    check_layer(layer, DType::F32, 2, 1, 1, 33, false, true);
  }
  const Case cases[] = {
      {1, 1, 1, 1, 1, 1, false, {}, {}, 0},
      {2, 5, 4, 3, 7, 2, false, {2, 4, 5, 7}, {2, 1, 5, 7}, 0},
      {1, 33, 2, 17, 65, 1, true, {}, {}, 0},
      {1, 65, 2, 8, 33, 2, true, {1, 2, 1, 33}, {}, 0},
      {2, 31, 3, 16, 70, 3, false, {1, 1, 31, 1}, {2, 1, 1, 70}, 2},
      {1, 70, 1, 5, 64, 1, true, {}, {1, 1, 70, 1}, 0.5},
      {1, 7, 2, 130, 20, 1, false, {}, {}, 0},
  };
  const Case vectors[] = {
      {1, 70, 4, 32, 66, 2, false, {1, 4, 70, 66}, {1, 1, 70, 66}, 0},
      {1, 70, 2, 64, 130, 1, true, {}, {}, 0},
      {1, 65, 1, 128, 65, 1, true, {1, 1, 1, 65}, {}, 2},
      {1, 9, 1, 72, 7, 1, false, {}, {1, 1, 9, 1}, 0},
      {1, 3, 1, 8, 3, 1, true, {}, {1, 1, 1, 3}, 0.5},
  };
  for (DType dtype : {DType::F16, DType::BF16}) {
    for (const Case& c : vectors) check_attention(c, dtype);
    for (const Case& c : {cases[1], cases[4]}) check_attention(c, dtype);
  }
  for (DType dtype : {DType::F32, DType::F64}) {
    for (const Case& c : cases) check_attention(c, dtype);
    check_ctc(dtype, 4, 9, 5, 3, {1, 2, 2, 3, 3, 3, 4, 1, 4, 2, 1, 1}, {3, 3, 0, 1}, {9, 4, 5, 0});
    check_ctc(dtype, 1, 150, 6, 70, {1, 2, 3, 4, 5, 5}, {70}, {150});
    check_ctc(dtype, 2, 4, 5, 2, {1, 2}, {2, 3}, {4, 4});                    // a label length that is too long
    check_ctc(dtype, 2, 4, 5, 2, {1, 2}, {2, 2}, {4, -1});                   // a length below 0
    check_ctc(dtype, 3, 4, 5, 2, {1, 2, 0, 9, 7, 1}, {2, 1, 2}, {4, 4, 9});  // a blank among the labels comes first
    check_ctc(dtype, 0, 4, 5, 2, {1}, {1}, {1});
  }
  return CHECK_RESULT();
}
