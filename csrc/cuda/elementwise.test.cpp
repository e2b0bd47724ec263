// Every elementwise op of ops.def on every dtype: the CPU's bits (of float64, where nothing is denormal), broadcasts,
// chains, and sizes around blocks.
#include <cmath>

#include "cuda/testing/device.h"
#include "runtime/fused.h"

using namespace ckeras;
using namespace ckeras::testing;
using namespace ckeras::cuda::testing;

namespace {

// Values that make trouble, then plain ones.
Array operand(DType dtype, const Shape& shape, uint32_t seed) {
  Array a = sample(dtype, shape, seed);
  if (!is_float(dtype)) return a;
  const double special[] = {0.0, -0.0, NAN, INFINITY, -INFINITY, 1, -1, 0.5, 88.5, -88.5, 1e4, -3e4, 1e-3, 12345.678};
  std::mt19937 draw(seed + 1);
  for (int64_t i = 0; i < a.view.size(); ++i) {
    if (draw() % 2) a.set(i, draw() % 2 ? special[draw() % 14] : static_cast<int>(draw() % 20001) / 1000.0 - 10);
  }
  return a;
}

Array on_cpu(int op, const std::vector<const Array*>& in, DType result, const Shape& shape) {
  Array out(result, shape);
  std::vector<View> views;
  for (const Array* a : in) views.push_back(a->view);
  Fault fault;
  const Call call{views.data(), &out.view, static_cast<int32_t>(in.size()), 1, nullptr, nullptr, 0, 0, nullptr, &fault};
  const cpu::FlushDenormals flush;
  run_elementwise(op, call, tiles());
  return out;
}

void check(int op, const std::vector<const Array*>& in, DType result, const Shape& shape) {
  const std::string what = describe(ops()[op].name, in, {}) + "-> " + name_of(result);
  const Outcome got = run_twice(
      [&] {
        return run_on_device(in, {{result, shape}}, {}, nullptr, {}, [&](const Call& call, cuda::Queue& queue) {
          return cuda::run_elementwise(op, call, queue);
        });
      },
      what);
  const Array expected = on_cpu(op, in, result, shape);
  const int64_t i = first_other_bits(got.out[0], expected);
  if (i >= 0) {
    std::cerr << what << ": element " << i << " has other bits than on the CPU";
    if (is_float(result)) std::cerr << ": " << got.out[0].at(i) << ", " << expected.at(i);
    std::cerr << '\n';
  }
  CHECK(i < 0);
}

void check_op_on(int op, DType dtype) {
  const OpInfo& row = ops()[op];
  const DType result = row.result == OpResult::Bool ? DType::Bool : dtype;
  uint32_t seed = 17;
  const auto args = [&](const std::vector<Shape>& shapes) {
    std::vector<Array> arrays;
    for (size_t i = 0; i < shapes.size(); ++i) {
      arrays.push_back(operand(shapes.size() == 3 && i == 0 ? DType::Bool : dtype, shapes[i], ++seed));
    }
    return arrays;
  };
  const auto pointers = [](const std::vector<Array>& arrays) {
    std::vector<const Array*> p;
    for (const Array& a : arrays) p.push_back(&a);
    return p;
  };
  const size_t arity = static_cast<size_t>(row.arity);
  for (int64_t n : {0, 1, 127, 128, 129, 1021}) {
    const std::vector<Array> arrays = args(std::vector<Shape>(arity, Shape{n}));
    check(op, pointers(arrays), result, {n});
  }
  std::vector<Shape> shapes = {{5, 1, 7}, {3, 1}, {}};  // broadcast
  shapes.resize(arity);
  if (arity == 1) return;
  const std::vector<Array> arrays = args(shapes);
  check(op, pointers(arrays), result, {5, 3, 7});
}

void check_casts() {
  const int op = op_id("cast");
  for (int from = 0; from < kDTypes; ++from) {
    for (int to = 0; to < kDTypes; ++to) {
      const Array a = operand(static_cast<DType>(from), {257}, 3);
      check(op, {&a}, static_cast<DType>(to), {257});
    }
  }
}

// tanh((a + b) * a) > b in halves and floats, with a broadcast b and the sum stored too: as the CPU's fused loop.
void check_chain(DType dtype) {
  const int64_t d = static_cast<int64_t>(dtype), b = static_cast<int64_t>(DType::Bool);
  const std::vector<int64_t> loop = {3, 4, 5, 33, 2, 165, 33, 1, 33, 0, 1, 4};
  const std::vector<std::vector<int64_t>> steps = {{op_id("add"), d, d, 2, 0, 1},
                                                   {op_id("multiply"), d, d, 2, 2, 0},
                                                   {op_id("tanh"), d, d, 1, 3},
                                                   {op_id("greater"), d, b, 2, 4, 1},
                                                   {2, 5, 2}};  // the outputs
  Attributes chain = {loop, {}};
  for (const auto& step : steps) chain.ints.insert(chain.ints.end(), step.begin(), step.end());
  const Array x = operand(dtype, {4, 5, 33}, 5), y = operand(dtype, {4, 33}, 6);
  const std::vector<Out> outs = {{DType::Bool, {4, 5, 33}}, {dtype, {4, 5, 33}}};
  const Outcome got = run_twice([&] { return run_on_device({&x, &y}, outs, chain, nullptr, {}, cuda::run_chain); },
                                describe("chain", {&x, &y}, chain));
  const DType dtypes[] = {dtype, dtype};
  const Fused plan(chain.ints.data(), static_cast<int64_t>(chain.ints.size()), dtypes, tiles());
  Array first(DType::Bool, {4, 5, 33}), second(dtype, {4, 5, 33});
  const void* in[] = {x.view.data, y.view.data};
  void* out[] = {first.view.data, second.view.data};
  {
    const cpu::FlushDenormals flush;
    plan.run(in, out, nullptr);
  }
  CHECK(first_other_bits(got.out[0], first) < 0);
  CHECK(first_other_bits(got.out[1], second) < 0);
}

}  // namespace

int main() {
  CHECK_DEVICE();
  if (std::string(isa()) == "baseline") return kSkipped;  // no fused multiply-add: other bits
  for (size_t op = 0; op < ops().size(); ++op) {
    if (ops()[op].kind != OpKind::Elementwise || std::string(ops()[op].name) == "cast") continue;
    for (int d = 0; d < kDTypes; ++d) {
      if (ops()[op].allows(static_cast<DType>(d))) check_op_on(static_cast<int>(op), static_cast<DType>(d));
    }
  }
  check_casts();
  for (DType dtype : kFloats) check_chain(dtype);
  return CHECK_RESULT();
}
