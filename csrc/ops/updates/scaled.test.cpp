// lamb_update, adafactor_update and muon_update against their references, apart and in place.
#include "ops/updates/scaled.h"

#include <cmath>

#include "ops/testing.h"

using namespace ckeras;
using namespace ckeras::testing;

namespace {

struct Rule {
  const char* op;
  std::vector<double> scalars;
  Attributes attributes;
};

// The slots of a variable, the first of which may have either sign.
std::vector<Shape> slots(const Rule& rule, const Shape& shape) {
  const std::string op = rule.op;
  if (op == "lamb_update") return {shape, shape};
  if (op == "muon_update") return {shape};
  if (shape.size() < 2) return {{}, {}, shape};
  Shape rows(shape.begin(), shape.end() - 1), columns(shape.begin(), shape.end() - 2);
  columns.push_back(shape.back());
  return {rows, columns, shape};
}

void check_rule(const Rule& rule, DType dtype, const std::vector<Shape>& shapes) {
  std::vector<Array> arrays;
  std::vector<Out> outs;
  std::vector<size_t> kept;  // the inputs that outputs stand for
  for (double s : rule.scalars) {
    arrays.emplace_back(DType::F32, Shape{});
    arrays.back().set(0, s);
  }
  for (const Shape& shape : shapes) {
    std::vector<Shape> all = {shape, shape};
    for (const Shape& s : slots(rule, shape)) all.push_back(s);
    for (size_t i = 0; i < all.size(); ++i) {
      Array a = random_array(dtype, all[i], static_cast<uint32_t>(arrays.size()));
      if (i >= 2) {
        for (int64_t j = 0; j < a.view.size(); ++j) a.set(j, std::abs(a.at(j)) + 0.125);
      }
      if (i != 1) {
        kept.push_back(arrays.size());
        outs.push_back({dtype, all[i]});
      }
      arrays.push_back(std::move(a));
    }
  }
  std::vector<const Array*> in;
  for (const Array& a : arrays) in.push_back(&a);
  const double rounding = 64 * std::max(epsilon(dtype), dtype == DType::F64 ? 0x1p-52 : 0x1p-23);
  check_kernel(rule.op, in, outs, rule.attributes, {rounding, rounding});
  for (cpu::Isa isa : cpu::supported_isas()) {
    if (isa == cpu::Isa::Reference && !kCompares) continue;
    const Outcome apart = run(isa, rule.op, in, outs, rule.attributes);
    std::vector<Array> copies = arrays;
    std::vector<View> from, to;
    for (const Array& a : copies) from.push_back(a.view);
    for (size_t i : kept) to.push_back(from[i]);
    const Kernel* kernel = kernel_for(isa, op_id(rule.op));
    Fault fault;
    Call call{from.data(),
              to.data(),
              static_cast<int32_t>(from.size()),
              static_cast<int32_t>(to.size()),
              rule.attributes.ints.data(),
              rule.attributes.floats.data(),
              static_cast<int32_t>(rule.attributes.ints.size()),
              static_cast<int32_t>(rule.attributes.floats.size()),
              nullptr,
              &fault};
    const int64_t bytes = kernel->workspace != nullptr ? kernel->workspace(call) : 0;
    std::vector<char> memory(static_cast<size_t>(bytes) + 64);
    call.workspace = memory.data() + (64 - reinterpret_cast<uintptr_t>(memory.data()) % 64) % 64;
    const cpu::FlushDenormals flush;
    kernel->run(call);
    for (size_t i = 0; i < kept.size(); ++i) CHECK(copies[kept[i]].bytes == apart.out[i].bytes);
  }
}

}  // namespace

int main() {
  const Rule elementwise[] = {
      {"lamb_update", {0.05, 0.5, 0.75}, {{}, {0.1, 0.001, 1e-7}}},
      {"adafactor_update", {0.05, 0.75}, {{}, {1e-30, 1e-3, 1.0}}},
      {"adafactor_update", {0.5, 0.25}, {{}, {1e-2, 0.9, 0.3}}},
  };
  for (const Rule& rule : elementwise) {
    for (DType dtype : kFloats) {
      for (int64_t n : {1, 15, 17, 16385}) check_rule(rule, dtype, {{n}});
      check_rule(rule, dtype, {{3}, {}, {0, 4}, {90, 211}, {2, 8}, {3, 70, 5}, {40000}, {1, 1}, {300, 130}});
      check_rule(rule, dtype, {});
    }
  }
  const Rule muons[] = {
      {"muon_update", {0.05}, {{1, 5, 1}, {0.95, 3.4445, -4.775, 2.0315, 0.2}}},
      {"muon_update", {0.05}, {{0, 3, 0}, {0.8, 2, -1.5, 0.5, 0.2}}},
      {"muon_update", {0.05}, {{1, 0, 1}, {0.8, 2, -1.5, 0.5, 0.2}}},
  };
  for (const Rule& rule : muons) {
    for (DType dtype : kFloats) {
      check_rule(rule, dtype, {{3, 5}, {17, 4}, {1, 1}, {0, 4}, {20, 33}, {130, 150}, {400, 9}});
      check_rule(rule, dtype, {});
    }
  }
  return CHECK_RESULT();
}
