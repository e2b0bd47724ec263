// The optimizers' updates: in place and apart; those of one formula give the CPU's bits, for more variables than a
// launch takes, of several dtypes and sizes. Gamma and binomial numbers near the reference.
#include <cmath>

#include "cuda/testing/device.h"

using namespace ckeras;
using namespace ckeras::testing;

namespace {

struct Rule {
  const char* op;
  std::vector<double> scalars;
  int slots;
  Attributes attributes;
};
struct Variable {
  DType dtype;
  Shape shape;
};

// The shapes of a variable's slots.
std::vector<Shape> slots(const Rule& rule, const Shape& shape) {
  if (rule.op != std::string("adafactor_update")) return std::vector<Shape>(static_cast<size_t>(rule.slots), shape);
  if (shape.size() < 2) return {{}, {}, shape};
  Shape rows(shape.begin(), shape.end() - 1), columns(shape.begin(), shape.end() - 2);
  columns.push_back(shape.back());
  return {rows, columns, shape};
}

void check_rule(const Rule& rule, const std::vector<Variable>& variables, bool bits) {
  std::vector<Array> arrays;
  std::vector<Out> outs;
  std::vector<int> kept;  // the inputs that outputs stand for
  double coarsest = 0;
  for (double s : rule.scalars) {
    arrays.emplace_back(DType::F32, Shape{});
    arrays.back().set(0, s);
  }
  for (const Variable& v : variables) {
    coarsest = std::max(coarsest, epsilon(v.dtype));
    std::vector<Shape> all = {v.shape, v.shape};
    for (const Shape& s : slots(rule, v.shape)) all.push_back(s);
    for (size_t i = 0; i < all.size(); ++i) {
      Array a = random_array(v.dtype, all[i], static_cast<uint32_t>(arrays.size()));
      for (int64_t j = 0; i >= 2 && j < a.view.size(); ++j) a.set(j, std::abs(a.at(j)) + 0.125);
      if (i != 1) {
        kept.push_back(static_cast<int>(arrays.size()));
        outs.push_back({v.dtype, all[i]});
      }
      arrays.push_back(std::move(a));
    }
  }
  std::vector<const Array*> in;
  for (const Array& a : arrays) in.push_back(&a);
  const Outcome apart = cuda::testing::run_op(rule.op, in, outs, rule.attributes);
  const Outcome in_place = cuda::testing::run_op(rule.op, in, outs, rule.attributes, kept);
  CHECK(cuda::testing::same_outcome(apart, in_place));
  const double rounding = 64 * (coarsest == 0x1p-52 ? coarsest : std::max(coarsest, 0x1p-23));
  cuda::testing::compare(apart, run(cpu::Isa::Reference, rule.op, in, outs, rule.attributes), {rounding, rounding},
                         describe(rule.op, in, rule.attributes));
  if (!bits || cpu::supported_isas().back() == cpu::Isa::Baseline) return;
  const Outcome best = run(cpu::supported_isas().back(), rule.op, in, outs, rule.attributes);
  for (size_t o = 0; o < outs.size(); ++o) {
    const int64_t i = first_other_bits(apart.out[o], best.out[o]);
    if (i >= 0)
      std::cerr << describe(rule.op, in, rule.attributes) << ": output " << o << ", element " << i
                << " has other bits\n";
    CHECK(i < 0);
  }
}

void check_rejection(DType dtype) {
  Array seed(DType::U32, {2});
  seed.view.as<uint32_t>()[0] = 11;
  seed.view.as<uint32_t>()[1] = 4;
  const auto cycle = [&](const std::vector<double>& values) {
    Array a(dtype, {150});
    for (int64_t i = 0; i < 150; ++i) a.set(i, values[static_cast<size_t>(i) % values.size()]);
    return a;
  };
  const Array alpha = cycle({0.1, 0.5, 1, 2.5, 40, 1000, -1, 0, NAN}), counts = cycle({0, 1, 5, 30, 1000, 7.5, -1, 12}),
              p = cycle({0.5, 0.01, 0.9, 0, 1, 1.5, 0.3});
  const Tolerance tolerance = {2 * epsilon(dtype), 1e-12};
  cuda::testing::check_op("random_gamma", {&seed, &alpha}, {{dtype, {150}}}, {}, tolerance);
  cuda::testing::check_op("random_binomial", {&seed, &counts, &p}, {{dtype, {150}}}, {}, tolerance);
}

}  // namespace

int main() {
  CHECK_DEVICE();
  const Rule rules[] = {
      {"sgd_update", {0.05}, 0, {{0, 0}, {0.9}}},
      {"sgd_update", {0.05}, 1, {{1, 0}, {0.9}}},
      {"sgd_update", {0.05}, 1, {{1, 1}, {0.9}}},
      {"adam_update", {0.05}, 2, {{0}, {0.1, 0.001, 1e-7}}},
      {"adam_update", {0.05}, 3, {{1}, {0.1, 0.001, 1e-7}}},
      {"rmsprop_update", {0.05}, 1, {{0, 0}, {0.9, 0.1, 0.5, 1e-7}}},
      {"rmsprop_update", {0.05}, 2, {{1, 0}, {0.9, 0.1, 0.5, 1e-7}}},
      {"rmsprop_update", {0.05}, 2, {{0, 1}, {0.9, 0.1, 0.5, 1.5}}},
      {"rmsprop_update", {0.05}, 3, {{1, 1}, {0.9, 0.1, 0.5, 1.5}}},
      {"adagrad_update", {0.05}, 1, {{}, {1e-7}}},
      {"adadelta_update", {0.05}, 2, {{}, {0.95, 0.05, 1e-7}}},
      {"adamax_update", {0.05}, 2, {{}, {0.1, 0.999, 1e-7}}},
      {"nadam_update", {0.05, 0.3, 0.55, 0.8}, 2, {{}, {0.1, 0.001, 1e-7}}},
      {"lion_update", {0.05}, 1, {{}, {0.9, 0.1, 0.99, 0.01}}},
      {"schedule_free_update", {0.05, 0.3, 0.55}, 2, {{}, {0.9, 0.1, 0.001, 1e-7}}},
      {"ftrl_update", {0.05, 0.3}, 2, {{}, {-0.5, 0.1, 0.2}}},
  };
  std::vector<Variable> many;
  for (int64_t i = 0; i < 67; ++i) many.push_back({DType::F32, {i % 5 == 4 ? 0 : i}});
  for (const Rule& rule : rules) {
    for (DType dtype : kFloats) check_rule(rule, {{dtype, {2051}}, {dtype, {3, 5}}, {dtype, {}}}, true);
    check_rule(rule, {{DType::F64, {33}}, {DType::BF16, {7}}, {DType::F32, {4100}}, {DType::F64, {1}}}, false);
    check_rule(rule, many, true);
  }
  const Rule scaled[] = {
      {"lamb_update", {0.05, 0.5, 0.75}, 2, {{}, {0.1, 0.001, 1e-7}}},
      {"adafactor_update", {0.05, 0.75}, 3, {{}, {1e-30, 1e-3, 1.0}}},
      {"adafactor_update", {0.5, 0.25}, 3, {{}, {1e-2, 0.9, 0.3}}},
      {"muon_update", {0.05}, 1, {{1, 3, 0}, {0.9, 3.4445, -4.775, 2.0315, 0.2}}},
      {"muon_update", {0.05}, 1, {{0, 2, 1}, {0.9, 3.4445, -4.775, 2.0315, 0.2}}},
  };
  for (const Rule& rule : scaled) {
    const bool matrices = rule.op == std::string("muon_update");
    for (DType dtype : kFloats) {
      check_rule(rule, {{dtype, {67, 5}}, {dtype, {3, 70}}, {dtype, {1, 1}}}, false);
      if (!matrices) check_rule(rule, {{dtype, {4099}}, {dtype, {2, 3, 5}}, {dtype, {}}}, false);
    }
  }
  for (DType dtype : kFloats) check_rejection(dtype);
  return CHECK_RESULT();
}
