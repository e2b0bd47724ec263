// The optimizers' updates against their references, in place, and bit by bit against the formulas in plain float32.
#include <algorithm>
#include <cmath>
#include <string_view>

#include "ops/testing.h"

using namespace ckeras;
using namespace ckeras::testing;

namespace {

struct Rule {
  const char* op;
  int scalars, slots;
  Attributes attributes;
};

// The scalars, then the inputs of each variable: slots are positive, as second moments are.
std::vector<Array> operands(const Rule& rule, const std::vector<Out>& variables) {
  std::vector<Array> arrays;
  for (int i = 0; i < rule.scalars; ++i) {
    arrays.push_back(Array(DType::F32, {}));
    arrays.back().set(0, 0.05 + 0.25 * i);
  }
  for (const Out& v : variables) {
    for (int i = 0; i < rule.slots + 2; ++i) {
      Array a = random_array(v.dtype, v.shape, static_cast<uint32_t>(arrays.size()));
      if (i >= 2) {
        for (int64_t j = 0; j < a.view.size(); ++j) a.set(j, std::abs(a.at(j)) + 0.125);
      }
      arrays.push_back(std::move(a));
    }
  }
  return arrays;
}

std::vector<const Array*> pointers(const std::vector<Array>& arrays) {
  std::vector<const Array*> in;
  for (const Array& a : arrays) in.push_back(&a);
  return in;
}

std::vector<Out> results(const Rule& rule, const std::vector<Out>& variables) {
  std::vector<Out> outs;
  for (const Out& v : variables) {
    for (int i = 0; i < rule.slots + 1; ++i) outs.push_back(v);
  }
  return outs;
}

void check_reference(const Rule& rule, const std::vector<Out>& variables) {
  const std::vector<Array> arrays = operands(rule, variables);
  double coarsest = 0;
  for (const Out& v : variables) coarsest = std::max(coarsest, epsilon(v.dtype));
  // A difference of two powers, divided by the rate, is what Ftrl's rule multiplies the roundings by.
  const double steps = rule.op == std::string("ftrl_update") ? 64 : 8;
  const double rounding = steps * (coarsest == 0x1p-52 ? coarsest : std::max(coarsest, 0x1p-23));
  check_kernel(rule.op, pointers(arrays), results(rule, variables), rule.attributes, {rounding, rounding});
}

// Inputs p, m, v as the memory of the outputs. The gradient, the second, stays as it is.
void check_in_place(cpu::Isa isa, const Rule& rule, const std::vector<Out>& variables) {
  std::vector<Array> arrays = operands(rule, variables);
  const Outcome apart = run(isa, rule.op, pointers(arrays), results(rule, variables), rule.attributes);
  std::vector<View> in, out;
  for (const Array& a : arrays) in.push_back(a.view);
  std::vector<size_t> where;
  for (size_t v = 0; v < variables.size(); ++v) {
    const size_t inputs = static_cast<size_t>(rule.slots + 2), scalars = static_cast<size_t>(rule.scalars);
    for (size_t i = 0; i < inputs; ++i) {
      if (i != 1) where.push_back(scalars + v * inputs + i);
    }
  }
  for (size_t i : where) out.push_back(in[i]);
  Fault fault;
  const cpu::FlushDenormals flush;
  kernel_for(isa, op_id(rule.op))
      ->run({in.data(), out.data(), static_cast<int32_t>(in.size()), static_cast<int32_t>(out.size()),
             rule.attributes.ints.data(), rule.attributes.floats.data(),
             static_cast<int32_t>(rule.attributes.ints.size()), static_cast<int32_t>(rule.attributes.floats.size()),
             nullptr, &fault});
  for (size_t i = 0; i < where.size(); ++i) CHECK(arrays[where[i]].bytes == apart.out[i].bytes);
}

// Each operation rounds to float32: one formula, one result.
void check_bits(cpu::Isa isa, const Rule& rule) {
  const int64_t n = 1003;
  const std::vector<Out> variable = {{DType::F32, {n}}};
  const std::vector<Array> in = operands(rule, variable);
  const Outcome got = run(isa, rule.op, pointers(in), results(rule, variable), rule.attributes);
  const float rate = static_cast<float>(in[0].at(0));
  const auto value = [&](size_t which, int64_t i) { return in[which].view.as<const float>()[i]; };
  const auto result = [&](size_t which, int64_t i) { return got.out[which].view.as<const float>()[i]; };
  bool same = true;
  for (int64_t i = 0; i < n; ++i) {
    const float p = value(1, i), g = value(2, i);
    if (rule.slots == 2) {
      const float rate1 = static_cast<float>(rule.attributes.floats[0]);
      const float rate2 = static_cast<float>(rule.attributes.floats[1]);
      const float epsilon = static_cast<float>(rule.attributes.floats[2]);
      const float m = value(3, i) + (g - value(3, i)) * rate1, v = value(4, i) + (g * g - value(4, i)) * rate2;
      same &= result(0, i) == p - rate * m / (std::sqrt(v) + epsilon) && result(1, i) == m && result(2, i) == v;
    } else if (rule.slots == 1) {
      const float momentum = static_cast<float>(rule.attributes.floats[0]), step = rate * g;
      const float m = momentum * value(3, i) - step;
      same &= result(1, i) == m;
      same &= result(0, i) == p + (rule.attributes.ints[1] ? momentum * m - step : m);
    } else {
      same &= result(0, i) == p - rate * g;
    }
  }
  CHECK(same);
}

// Halves as gradients of float32 variables give the bits of the same gradients widened.
void check_half_gradients(cpu::Isa isa, const Rule& rule, DType half) {
  const std::vector<Out> variables = {{DType::F32, {3}}, {DType::F32, {5, 4099}}};
  std::vector<Array> wide = operands(rule, variables), narrow = wide;
  for (size_t v = 0; v < variables.size(); ++v) {
    const size_t place = static_cast<size_t>(rule.scalars) + v * static_cast<size_t>(rule.slots + 2) + 1;
    Array g(half, variables[v].shape);
    for (int64_t i = 0; i < g.view.size(); ++i) {
      g.set(i, wide[place].at(i));
      wide[place].set(i, g.at(i));
    }
    std::vector<Array> fresh;
    for (size_t i = 0; i < narrow.size(); ++i) fresh.push_back(i == place ? std::move(g) : std::move(narrow[i]));
    narrow = std::move(fresh);
  }
  const Outcome expected = run(isa, rule.op, pointers(wide), results(rule, variables), rule.attributes);
  const Outcome got = run(isa, rule.op, pointers(narrow), results(rule, variables), rule.attributes);
  for (size_t i = 0; i < got.out.size(); ++i) CHECK(got.out[i].bytes == expected.out[i].bytes);
}

// Whether check_bits knows the formula.
bool exact(const Rule& rule) {
  const std::string_view op = rule.op;
  return op == "sgd_update" || (op == "adam_update" && rule.slots == 2);
}

}  // namespace

int main() {
  const Rule rules[] = {
      {"sgd_update", 1, 0, {{0, 0}, {0}}},
      {"sgd_update", 1, 1, {{1, 0}, {0.9}}},
      {"sgd_update", 1, 1, {{1, 1}, {0.9}}},
      {"adam_update", 1, 2, {{0}, {0.1, 0.001, 1e-7}}},
      {"adam_update", 1, 3, {{1}, {0.1, 0.001, 1e-7}}},
      {"rmsprop_update", 1, 1, {{0, 0}, {0.9, 0.1, 0, 1e-7}}},
      {"rmsprop_update", 1, 2, {{1, 0}, {0.9, 0.1, 0.5, 1e-7}}},
      {"rmsprop_update", 1, 2, {{0, 1}, {0.9, 0.1, 0, 40}}},
      {"rmsprop_update", 1, 3, {{1, 1}, {0.9, 0.1, 0.5, 40}}},
      {"adagrad_update", 1, 1, {{}, {1e-7}}},
      {"adadelta_update", 1, 2, {{}, {0.95, 0.05, 1e-7}}},
      {"adamax_update", 1, 2, {{}, {0.1, 0.999, 1e-7}}},
      {"nadam_update", 4, 2, {{}, {0.1, 0.001, 1e-7}}},
      {"lion_update", 1, 1, {{}, {0.9, 0.1, 0.99, 0.01}}},
      {"schedule_free_update", 3, 2, {{}, {0.9, 0.1, 0.001, 1e-7}}},
      {"ftrl_update", 2, 2, {{}, {-0.5, 0.25, 0.5}}},
  };
  for (const Rule& rule : rules) {
    for (DType dtype : kFloats) {
      for (int64_t n : {0, 1, 15, 17, 8191, 8193}) check_reference(rule, {{dtype, {n}}});
      const std::vector<Out> several = {
          {dtype, {3}}, {dtype, {}}, {dtype, {0, 4}}, {dtype, {90, 211}}, {dtype, {2, 8}}};
      check_reference(rule, several);
      for (cpu::Isa isa : cpu::supported_isas()) check_in_place(isa, rule, several);
    }
    check_reference(rule, {{DType::F32, {70}}, {DType::BF16, {9001}}, {DType::F64, {33}}, {DType::F16, {5}}});
    check_reference(rule, {});
    for (cpu::Isa isa : cpu::supported_isas()) {
      if (isa != cpu::Isa::Reference && exact(rule)) check_bits(isa, rule);
      for (DType half : {DType::F16, DType::BF16}) check_half_gradients(isa, rule, half);
    }
  }
  return CHECK_RESULT();
}
