// The fused loop against its steps run one at a time, on every instruction set of this machine.
#include "runtime/fused.h"

#include <cstring>
#include <random>
#include <vector>

#include "base/check.h"
#include "cpu/denormals.h"
#include "cpu/half.h"
#include "cpu/isa.h"
#include "cpu/thread_pool.h"
#include "runtime/registry.h"

namespace ckeras {
namespace {

struct Isa {
  const char* name;
  std::vector<const TileFn*> tiles;
};

std::vector<Isa> isas() {
  std::vector<Isa> found;
  for (cpu::Isa isa : cpu::supported_isas()) {
    if (isa == cpu::Isa::Reference) continue;
    Isa one{cpu::name_of(isa), {}};
    for (int op = 0; op < static_cast<int>(ops().size()); ++op) {
      const Kernel* kernel = kernel_for(isa, op);
      one.tiles.push_back(kernel ? kernel->tile : nullptr);
    }
    found.push_back(one);
  }
  return found;
}

std::vector<float> numbers(int64_t n, unsigned seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<float> uniform(-4, 4);
  std::vector<float> v(static_cast<size_t>(n));
  for (float& x : v) x = uniform(random);
  return v;
}

int64_t f32() { return static_cast<int64_t>(DType::F32); }

View view(const void* data, std::vector<int64_t> shape, DType dtype) {
  View v{};
  v.data = const_cast<void*>(data);
  v.rank = static_cast<int32_t>(shape.size());
  v.dtype = dtype;
  for (size_t i = 0; i < shape.size(); ++i) v.shape[i] = shape[i];
  return v;
}

void run_op(const char* op, std::vector<View> in, View out, const Isa& isa) {
  Fault fault;
  const Call call{in.data(), &out, static_cast<int32_t>(in.size()), 1, nullptr, nullptr, 0, 0, nullptr, &fault};
  run_elementwise(op_id(op), call, isa.tiles.data());
}

// a - b for broadcasting shapes, element by element.
void broadcasts(const Isa& isa, std::vector<int64_t> a_shape, std::vector<int64_t> b_shape,
                std::vector<int64_t> shape) {
  const View a = view(nullptr, a_shape, DType::F32), b = view(nullptr, b_shape, DType::F32);
  const View out = view(nullptr, shape, DType::F32);
  const std::vector<float> x = numbers(a.size(), 1), y = numbers(b.size(), 2);
  std::vector<float> got(static_cast<size_t>(out.size()), -1);
  run_op("subtract", {view(x.data(), a_shape, DType::F32), view(y.data(), b_shape, DType::F32)},
         view(got.data(), shape, DType::F32), isa);
  int64_t wrong = 0;
  for (int64_t i = 0; i < out.size(); ++i) {
    const auto element = [&](const View& v) {
      int64_t rest = i, offset = 0, stride = 1;
      for (int d = out.rank - 1; d >= 0; --d) {
        const int64_t index = rest % out.shape[d];
        rest /= out.shape[d];
        const int own = d - (out.rank - v.rank);
        if (own < 0) continue;
        if (v.shape[own] > 1) offset += index * stride;
        stride *= v.shape[own];
      }
      return offset;
    };
    wrong += got[i] != x[element(a)] - y[element(b)];
  }
  CHECK_EQ(wrong, 0);
}

void all_broadcasts(const Isa& isa) {
  broadcasts(isa, {7}, {7}, {7});
  broadcasts(isa, {}, {}, {});
  broadcasts(isa, {3000}, {}, {3000});
  broadcasts(isa, {}, {1}, {1});
  broadcasts(isa, {5, 10}, {10}, {5, 10});
  broadcasts(isa, {300, 10}, {10}, {300, 10});
  broadcasts(isa, {300, 10}, {300, 1}, {300, 10});
  broadcasts(isa, {300, 1}, {1, 10}, {300, 10});
  broadcasts(isa, {3, 5000}, {5000}, {3, 5000});
  broadcasts(isa, {3, 1, 1025}, {3, 7, 1}, {3, 7, 1025});
  broadcasts(isa, {2, 1, 1023}, {2, 3, 1}, {2, 3, 1023});
  broadcasts(isa, {2, 1, 3, 1, 5}, {1, 4, 3, 6, 1}, {2, 4, 3, 6, 5});
  broadcasts(isa, {40, 1, 25}, {40, 130, 25}, {40, 130, 25});
  broadcasts(isa, {6, 1, 1, 64}, {6, 30, 10, 64}, {6, 30, 10, 64});
  broadcasts(isa, {5, 3, 784}, {5, 1, 784}, {5, 3, 784});
  broadcasts(isa, {100, 1, 100}, {1, 100, 100}, {100, 100, 100});
  broadcasts(isa, {0, 4}, {4}, {0, 4});
  broadcasts(isa, {4, 1}, {0}, {4, 0});
  broadcasts(isa, {200000}, {200000}, {200000});
  broadcasts(isa, {70000, 3}, {3}, {70000, 3});
  broadcasts(isa, {300, 1}, {300, 130}, {300, 130});
  broadcasts(isa, {300, 1}, {1, 257}, {300, 257});
  broadcasts(isa, {30, 2500}, {30, 1}, {30, 2500});
  broadcasts(isa, {20, 3, 1, 1}, {20, 1, 5, 129}, {20, 3, 5, 129});
  broadcasts(isa, {4, 1, 3, 1}, {4, 5, 1, 200}, {4, 5, 3, 200});
}

// A loop whose operands repeat along rows, against the same loop of operands laid out whole: steps of such values
// alone, of some, of a mask, and results of such steps that are outputs.
void repeated_along_rows(const Isa& isa) {
  const int64_t boolean = static_cast<int64_t>(DType::Bool);
  for (int64_t columns : {5, 127, 128, 131, 1000, 2100}) {
    const int64_t rows = 37, n = rows * columns;
    const std::vector<float> x = numbers(n, 3), m = numbers(rows, 4), v = numbers(rows, 5), c = numbers(1, 6);
    std::vector<float> whole[3];
    for (int64_t i = 0; i < n; ++i) {
      whole[0].push_back(m[static_cast<size_t>(i / columns)]);
      whole[1].push_back(v[static_cast<size_t>(i / columns)]);
      whole[2].push_back(c[0]);
    }
    for (int64_t kept : {8, 5, 0}) {  // the other output: a step's, the repeated one, an input
      std::vector<float> got[2][2];
      for (int64_t laid_out : {0, 1}) {
        const int64_t row = laid_out ? columns : 1, step = laid_out ? 1 : 0, scalar = laid_out ? columns : 0;
        const std::vector<int64_t> ints = {2,
                                           rows,
                                           columns,
                                           4,
                                           columns,
                                           1,
                                           row,
                                           step,
                                           row,
                                           step,
                                           scalar,
                                           step,
                                           6,  // x, m, v, c
                                           op_id("add"),
                                           f32(),
                                           f32(),
                                           2,
                                           2,
                                           3,
                                           op_id("tanh"),
                                           f32(),
                                           f32(),
                                           1,
                                           4,  // 4, 5
                                           op_id("subtract"),
                                           f32(),
                                           f32(),
                                           2,
                                           0,
                                           1,
                                           op_id("less"),
                                           f32(),
                                           boolean,
                                           2,
                                           1,
                                           0,  // 6, 7
                                           op_id("multiply"),
                                           f32(),
                                           f32(),
                                           2,
                                           6,
                                           5,
                                           op_id("select"),
                                           f32(),
                                           f32(),
                                           3,
                                           7,
                                           8,
                                           2,  // 8, 9
                                           2,
                                           9,
                                           kept};
        const DType dtypes[4] = {DType::F32, DType::F32, DType::F32, DType::F32};
        const Fused fused(ints.data(), static_cast<int64_t>(ints.size()), dtypes, isa.tiles.data());
        for (std::vector<float>& one : got[laid_out]) one.assign(static_cast<size_t>(n), -1);
        const void* in[4] = {x.data(), m.data(), v.data(), c.data()};
        for (int i = 0; i < 3 && laid_out; ++i) in[i + 1] = whole[i].data();
        void* out[2] = {got[laid_out][0].data(), got[laid_out][1].data()};
        fused.run(in, out, nullptr);
      }
      for (int i : {0, 1}) CHECK(std::memcmp(got[0][i].data(), got[1][i].data(), got[0][i].size() * 4) == 0);
    }
  }
}

// The longest chain of one there is: three operands that broadcast, of every dimension.
void most_dimensions(const Isa& isa) {
  std::vector<int64_t> shape(kMaxRank, 1), row(kMaxRank, 1);
  shape.front() = 2;
  shape.back() = row.back() = 3;
  const uint8_t which[] = {1, 0, 1, 0, 0, 1};
  const float a[] = {1, 2, 3}, b[] = {-1};
  float got[6];
  run_op("select", {view(which, shape, DType::Bool), view(a, row, DType::F32), view(b, {}, DType::F32)},
         view(got, shape, DType::F32), isa);
  for (int i = 0; i < 6; ++i) CHECK_EQ(got[i], which[i] ? a[i % 3] : b[0]);
}

// tanh(a * b + c) with b a row and c a number; the second output is the product, its first use an input in place.
void chain(const Isa& isa) {
  for (int64_t rows : {1, 3, 129, 4000}) {
    const int64_t columns = 37, n = rows * columns;
    const std::vector<float> a = numbers(n, 3), b = numbers(columns, 4), c = numbers(1, 5);
    const std::vector<int64_t> ints = {2,     rows,  columns, 3, columns, 1,
                                       0,     1,     0,       0, 3,       op_id("multiply"),
                                       f32(), f32(), 2,       0, 1,       op_id("add"),
                                       f32(), f32(), 2,       3, 2,       op_id("tanh"),
                                       f32(), f32(), 1,       4, 2,       5,
                                       3};
    const DType dtypes[3] = {DType::F32, DType::F32, DType::F32};
    const Fused fused(ints.data(), static_cast<int64_t>(ints.size()), dtypes, isa.tiles.data());
    std::vector<float> product(a.size()), sum(a.size()), expected(a.size()), got(a.size());
    run_op("multiply", {view(a.data(), {rows, columns}, DType::F32), view(b.data(), {columns}, DType::F32)},
           view(product.data(), {rows, columns}, DType::F32), isa);
    run_op("add", {view(product.data(), {n}, DType::F32), view(c.data(), {}, DType::F32)},
           view(sum.data(), {n}, DType::F32), isa);
    run_op("tanh", {view(sum.data(), {n}, DType::F32)}, view(expected.data(), {n}, DType::F32), isa);
    for (int threads : {1, 2, 3}) {
      cpu::set_num_threads(threads);
      std::vector<float> in_place = a;
      const void* in[3] = {in_place.data(), b.data(), c.data()};
      void* out[2] = {got.data(), in_place.data()};
      fused.run(in, out, nullptr);
      CHECK(std::memcmp(got.data(), expected.data(), got.size() * 4) == 0);
      CHECK(std::memcmp(in_place.data(), product.data(), got.size() * 4) == 0);
    }
  }
}

// out = a + 1 is made first and may lie in a's memory, which the second step still reads.
void early_output_in_place(const Isa& isa) {
  const int64_t n = 5000;
  std::vector<float> a = numbers(n, 6), one = {1}, second(a.size());
  const std::vector<float> before = a;
  const std::vector<int64_t> ints = {
      1, n, 2, 1, 0, 2, op_id("add"), f32(), f32(), 2, 0, 1, op_id("multiply"), f32(), f32(), 2, 2, 0, 2, 2, 3};
  const DType dtypes[2] = {DType::F32, DType::F32};
  const Fused fused(ints.data(), static_cast<int64_t>(ints.size()), dtypes, isa.tiles.data());
  const void* in[2] = {a.data(), one.data()};
  void* out[2] = {a.data(), second.data()};
  fused.run(in, out, nullptr);
  int64_t wrong = 0;
  for (int64_t i = 0; i < n; ++i) {
    wrong += a[i] != before[i] + 1 || second[i] != (before[i] + 1) * before[i];
  }
  CHECK_EQ(wrong, 0);
}

// Halves are rounded after every step: (a + b) * a.
void halves(const Isa& isa) {
  const int64_t n = 1500;
  const std::vector<float> x = numbers(n, 7), y = numbers(n, 8);
  for (DType half : {DType::F16, DType::BF16}) {
    const auto round = [&](float v) { return half == DType::F16 ? f32_to_f16(v) : f32_to_bf16(v); };
    const auto wide = [&](uint16_t v) { return half == DType::F16 ? f16_to_f32(v) : bf16_to_f32(v); };
    std::vector<uint16_t> a(x.size()), b(x.size()), got(x.size());
    std::vector<uint8_t> less(x.size());
    for (int64_t i = 0; i < n; ++i) a[i] = round(x[i]), b[i] = round(y[i]);
    const int64_t code = static_cast<int64_t>(half);
    const std::vector<int64_t> ints = {1,
                                       n,
                                       2,
                                       1,
                                       1,
                                       3,
                                       op_id("add"),
                                       code,
                                       code,
                                       2,
                                       0,
                                       1,
                                       op_id("multiply"),
                                       code,
                                       code,
                                       2,
                                       2,
                                       0,
                                       op_id("less"),
                                       code,
                                       0,
                                       2,
                                       2,
                                       3,
                                       2,
                                       3,
                                       4};
    const DType dtypes[2] = {half, half};
    const Fused fused(ints.data(), static_cast<int64_t>(ints.size()), dtypes, isa.tiles.data());
    const void* in[2] = {a.data(), b.data()};
    void* out[2] = {got.data(), less.data()};
    fused.run(in, out, nullptr);
    int64_t wrong = 0;
    for (int64_t i = 0; i < n; ++i) {
      const float sum = wide(round(wide(a[i]) + wide(b[i])));
      wrong += got[i] != round(sum * wide(a[i])) || less[i] != (sum < wide(got[i]));
    }
    CHECK_EQ(wrong, 0);
  }
}

// A long chain with many values alive: x0 = a, x(i+1) = xi + 1, then all are added.
void many_values(const Isa& isa) {
  const int64_t n = 3000, links = 60;
  const std::vector<float> a = numbers(n, 9), one = {1};
  std::vector<float> got(a.size());
  std::vector<int64_t> ints = {1, n, 2, 1, 0, 2 * links - 1};
  for (int64_t i = 0; i < links; ++i) {
    ints.insert(ints.end(), {op_id("add"), f32(), f32(), 2, i == 0 ? 0 : i + 1, 1});
  }
  for (int64_t i = 1; i < links; ++i) {
    ints.insert(ints.end(), {op_id("add"), f32(), f32(), 2, i == 1 ? 2 : links + i, i + 2});
  }
  ints.insert(ints.end(), {1, 2 * links});
  const DType dtypes[2] = {DType::F32, DType::F32};
  const Fused fused(ints.data(), static_cast<int64_t>(ints.size()), dtypes, isa.tiles.data());
  const void* in[2] = {a.data(), one.data()};
  void* out[1] = {got.data()};
  fused.run(in, out, nullptr);
  int64_t wrong = 0;
  for (int64_t i = 0; i < n; ++i) {
    float x = a[i] + 1, sum = x;
    for (int64_t j = 1; j < links; ++j) sum += x += 1;
    wrong += got[i] != sum;
  }
  CHECK_EQ(wrong, 0);
}

void bad_ints(const Isa& isa) {
  const DType dtypes[1] = {DType::F32};
  const auto plan = [&](std::vector<int64_t> ints) {
    Fused(ints.data(), static_cast<int64_t>(ints.size()), dtypes, isa.tiles.data());
  };
  plan({1, 8, 1, 1, 1, op_id("negative"), f32(), f32(), 1, 0, 1, 1});
  CHECK_THROWS(plan({1, 8, 1, 1, 1, op_id("negative"), f32(), f32(), 1, 0, 1}), std::invalid_argument);
  CHECK_THROWS(plan({1, 8, 1, 1, 1, op_id("negative"), f32(), f32(), 1, 1, 1, 1}), std::invalid_argument);
  CHECK_THROWS(plan({1, 8, 1, 1, 1, op_id("negative"), f32(), f32(), 1, 0, 1, 2}), std::invalid_argument);
  CHECK_THROWS(plan({1, 8, 1, 1, 1, op_id("logical_not"), f32(), f32(), 1, 0, 1, 1}), std::invalid_argument);
  CHECK_THROWS(plan({1, 8, 1, 1, 1, 9999, f32(), f32(), 1, 0, 1, 1}), std::invalid_argument);
}

}  // namespace
}  // namespace ckeras

int main() {
  using namespace ckeras;
  const cpu::FlushDenormals flush;
  for (const Isa& isa : isas()) {
    for (int threads : {1, 3}) {
      cpu::set_num_threads(threads);
      all_broadcasts(isa);
    }
    most_dimensions(isa);
    chain(isa);
    repeated_along_rows(isa);
    early_output_in_place(isa);
    halves(isa);
    many_values(isa);
    bad_ints(isa);
  }
  return CHECK_RESULT();
}
