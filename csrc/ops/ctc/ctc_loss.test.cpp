// The CTC loss and its derivative against the reference: lengths, repeats, empty and impossible labels, faults.
#include "ops/ctc/ctc.h"
#include "ops/testing.h"

using namespace ckeras;
using namespace ckeras::testing;

namespace {

Array whole(const Shape& shape, const std::vector<int32_t>& values) {
  Array a(DType::I32, shape);
  for (size_t i = 0; i < values.size(); ++i) a.view.as<int32_t>()[i] = values[i];
  return a;
}

// Logarithms of probabilities, some of them 0.
Array logarithms(DType dtype, const Shape& shape) {
  Array a = random_array(dtype, shape, 9);
  for (int64_t i = 0; i < a.view.size(); ++i) a.set(i, i % 41 == 40 ? -INFINITY : a.at(i) - 2);
  return a;
}

void check_loss(DType dtype, int64_t times, int64_t classes, int64_t most, int64_t blank) {
  const int64_t batch = 19;
  std::vector<int32_t> labels, counts, lengths;
  for (int64_t b = 0; b < batch; ++b) {
    for (int64_t i = 0; i < most; ++i) {
      const int64_t label = (b + i / (1 + b % 3)) % (classes - 1);
      labels.push_back(static_cast<int32_t>(label < blank ? label : label + 1));
    }
    counts.push_back(static_cast<int32_t>(b * 5 % (most + 1)));
    lengths.push_back(static_cast<int32_t>(b == 3 ? 0 : times - b % 4));
  }
  const Array logp = logarithms(dtype, {batch, times, classes});
  const Array y = whole({batch, most}, labels), n = whole({batch}, counts), t = whole({batch}, lengths);
  const double rounding = dtype == DType::F64 ? 1e-12 : 1e-6;
  check_kernel("ctc_loss", {&logp, &y, &n, &t}, {{dtype, {batch}}, {dtype, {batch, times, classes}}}, {{blank}, {}},
               {rounding, rounding});
}

}  // namespace

int main() {
  for (DType dtype : {DType::F32, DType::F64}) {
    check_loss(dtype, 12, 5, 4, 0);
    check_loss(dtype, 30, 7, 9, 6);
    check_loss(dtype, 9, 3, 0, 1);
    check_loss(dtype, 64, 11, 20, 3);
  }
  const Array logp = logarithms(DType::F32, {1, 4, 3});
  const struct {
    int32_t label, count, length;
    int64_t value, limit;
  } faults[] = {{3, 1, 4, 3, 3}, {0, 1, 4, 0, 3}, {-1, 1, 4, -1, 3},
                {1, 3, 4, 3, 3}, {1, 1, 5, 5, 5}, {1, 1, -1, -1, 5}};
  for (const auto& f : faults) {
    const Array y = whole({1, 2}, {f.label, 1}), n = whole({1}, {f.count}), t = whole({1}, {f.length});
    for (cpu::Isa isa : cpu::supported_isas()) {
      const Outcome got =
          run(isa, "ctc_loss", {&logp, &y, &n, &t}, {{DType::F32, {1}}, {DType::F32, {1, 4, 3}}}, {{0}, {}});
      CHECK_EQ(got.fault.code, 1);
      CHECK_EQ(got.fault.value, f.value);
      CHECK_EQ(got.fault.limit, f.limit);
    }
  }
  return CHECK_RESULT();
}
