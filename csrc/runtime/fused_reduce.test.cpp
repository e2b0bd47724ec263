// Chains that end in reductions give the bits of the stand-alone kernels on the stored values of the chain, whatever
// the threads, and one instruction set those of another.
#include <cmath>
#include <cstring>
#include <random>
#include <vector>

#include "base/check.h"
#include "cpu/denormals.h"
#include "cpu/half.h"
#include "cpu/isa.h"
#include "cpu/thread_pool.h"
#include "runtime/fused.h"
#include "runtime/registry.h"
#include "runtime/step.h"

namespace ckeras {
namespace {

using Bytes = std::vector<unsigned char>;
using Shape = std::vector<int64_t>;

struct Isa {
  cpu::Isa id;
  std::vector<const TileFn*> tiles;
  FoldTables folds;
};

std::vector<Isa> isas() {
  std::vector<Isa> found;
  for (cpu::Isa isa : cpu::supported_isas()) {
    if (isa == cpu::Isa::Reference) continue;
    Isa one{isa, {}, folds_for(isa)};
    for (int op = 0; op < static_cast<int>(ops().size()); ++op) {
      const Kernel* kernel = kernel_for(isa, op);
      one.tiles.push_back(kernel ? kernel->tile : nullptr);
    }
    found.push_back(one);
  }
  return found;
}

View view(void* data, const Shape& shape, DType dtype) {
  View v{};
  v.data = data;
  v.rank = static_cast<int32_t>(shape.size());
  v.dtype = dtype;
  for (size_t i = 0; i < shape.size(); ++i) v.shape[i] = shape[i];
  return v;
}

// Numbers near 1, so that a product stays finite; floats have a few zeros of both signs and, when asked for, a NaN.
Bytes numbers(int64_t n, DType dtype, bool with_nan, unsigned seed) {
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> uniform(-1.5, 1.5);
  Bytes bytes(static_cast<size_t>(n * size_of(dtype)));
  for (int64_t i = 0; i < n; ++i) {
    double x = uniform(random);
    if (i % 97 == 13) x = i % 2 ? 0.0 : -0.0;
    if (with_nan && i == n * 2 / 3) x = std::nan("");
    unsigned char* at = bytes.data() + i * size_of(dtype);
    const auto put = [&](auto value) { std::memcpy(at, &value, sizeof value); };
    switch (dtype) {
      case DType::F32:
        put(static_cast<float>(x));
        break;
      case DType::F64:
        put(x);
        break;
      case DType::F16:
        put(f32_to_f16(static_cast<float>(x)));
        break;
      case DType::BF16:
        put(f32_to_bf16(static_cast<float>(x)));
        break;
      case DType::Bool:
        put(static_cast<uint8_t>(x > 0));
        break;
      default:
        put(static_cast<int32_t>(random()));
    }
  }
  return bytes;
}

// The ints of the loop [outer, n, inner] that joins x and y, y repeated along n; with `links` further steps, each of
// which is alive to the end. The last value is reduced, and stored too if asked for.
std::vector<int64_t> loop(const Shape& s, DType dtype, int links, bool stored, const std::vector<int>& reductions) {
  const int64_t code = static_cast<int64_t>(dtype);
  const int join = op_id(dtype == DType::Bool ? "logical_xor" : "subtract");
  std::vector<int64_t> ints = {3, s[0], s[1], s[2], 2, s[1] * s[2], s[2], 1, s[2], 0, 1};
  ints.push_back(1 + 2 * links);
  ints.insert(ints.end(), {join, code, code, 2, 0, 1});
  for (int64_t i = 0; i < links; ++i) ints.insert(ints.end(), {join, code, code, 2, 2 + i, 1});
  for (int64_t i = 0; i < links; ++i) ints.insert(ints.end(), {join, code, code, 2, 2 + links + i, 2 + i});
  const int64_t last = 2 + 2 * links;
  ints.push_back(stored);
  if (stored) ints.push_back(last);
  ints.insert(ints.end(), {s[0], s[1], s[2], static_cast<int64_t>(reductions.size())});
  for (int op : reductions) ints.insert(ints.end(), {op, last});
  return ints;
}

Bytes stand_alone(const Isa& isa, int op, Bytes& x, const Shape& shape, DType dtype) {
  Bytes result(static_cast<size_t>(shape[0] * shape[2] * size_of(dtype)), 0xab);
  const View in = view(x.data(), shape, dtype), out = view(result.data(), {shape[0], shape[2]}, dtype);
  const int64_t flags[3] = {0, 1, 0};
  Fault fault;
  Call call{&in, &out, 1, 1, flags, nullptr, 3, 0, nullptr, &fault};
  const Kernel* kernel = kernel_for(isa.id, op);
  void* workspace = std::aligned_alloc(64, static_cast<size_t>((kernel->workspace(call) + 127) / 64 * 64));
  call.workspace = workspace;
  kernel->run(call);
  std::free(workspace);
  return result;
}

// All results of the loop; the stored value first.
std::vector<Bytes> run(const Isa& isa, const Shape& s, DType dtype, int links, bool stored, Bytes& x, Bytes& y,
                       const std::vector<int>& reductions) {
  const std::vector<int64_t> ints = loop(s, dtype, links, stored, reductions);
  const DType dtypes[2] = {dtype, dtype};
  const Fused fused(ints.data(), static_cast<int64_t>(ints.size()), dtypes, isa.tiles.data(), isa.folds);
  std::vector<Bytes> results;
  if (stored) results.emplace_back(x.size(), 0xcd);
  for (size_t i = 0; i < reductions.size(); ++i) {
    results.emplace_back(static_cast<size_t>(s[0] * s[2] * size_of(dtype)), 0xcd);
  }
  std::vector<void*> out;
  for (Bytes& bytes : results) out.push_back(bytes.data());
  const void* in[2] = {x.data(), y.data()};
  void* workspace = std::aligned_alloc(64, static_cast<size_t>(fused.workspace() + 64));
  fused.run(in, out.data(), workspace);
  std::free(workspace);
  return results;
}

void compare(const Shape& s, DType dtype, int links, bool with_nan) {
  std::vector<int> reductions;
  for (const char* name : {"reduce_sum", "reduce_max", "reduce_min", "reduce_prod"}) reductions.push_back(op_id(name));
  if (dtype == DType::Bool) reductions = {op_id("reduce_any"), op_id("reduce_all")};
  Bytes x = numbers(s[0] * s[1] * s[2], dtype, with_nan, 1), y = numbers(s[0] * s[2], dtype, false, 2);
  std::vector<Bytes> of_another_isa;
  for (const Isa& isa : isas()) {
    std::vector<Bytes> got = run(isa, s, dtype, links, true, x, y, reductions);
    for (size_t i = 0; i < reductions.size(); ++i) {
      const bool same = got[i + 1] == stand_alone(isa, reductions[i], got[0], s, dtype);
      if (!same) {
        std::printf("%s, %s [%ld, %ld, %ld], %s, %d links\n", cpu::name_of(isa.id), ops()[reductions[i]].name,
                    static_cast<long>(s[0]), static_cast<long>(s[1]), static_cast<long>(s[2]), name_of(dtype), links);
      }
      CHECK(same);
    }
    for (int threads : {2, 3}) {
      cpu::set_num_threads(threads);
      CHECK(run(isa, s, dtype, links, true, x, y, reductions) == got);
    }
    cpu::set_num_threads(1);
    const std::vector<Bytes> alone = run(isa, s, dtype, links, false, x, y, reductions);
    CHECK(alone == std::vector<Bytes>(got.begin() + 1, got.end()));
    if (isa.id == cpu::Isa::Baseline) continue;
    if (!of_another_isa.empty()) CHECK(got == of_another_isa);
    of_another_isa = got;
  }
}

void all_shapes() {
  const Shape shapes[] = {{1, 1, 1},    {9, 1, 1},     {1, 2, 1},     {7, 10, 1},    {2000, 3, 1}, {1, 1024, 1},
                          {1, 1025, 1}, {3, 4096, 1},  {2, 4097, 1},  {1, 70003, 1}, {1, 3, 5},    {1, 32, 32},
                          {2, 257, 3},  {1, 1000, 10}, {1, 6001, 7},  {1, 300, 513}, {5, 4, 256},  {3, 7, 300},
                          {2, 6, 1025}, {700, 3, 2},   {1, 255, 4},   {1, 258, 2},   {5, 0, 3},    {5, 0, 1},
                          {0, 4, 2},    {3, 4, 0},     {1, 5, 70000}, {4, 1, 9},     {9, 5, 1025}, {8, 3, 2000}};
  for (const Shape& shape : shapes) {
    for (DType dtype : {DType::F32, DType::F64, DType::F16, DType::BF16, DType::I32, DType::Bool}) {
      compare(shape, dtype, 0, false);
    }
    compare(shape, DType::F32, 0, true);
    compare(shape, DType::BF16, 2, true);
  }
  for (const Shape& shape : {Shape{1, 9000, 1}, Shape{5, 70, 1}, Shape{1, 100, 10}, Shape{2, 30, 40}}) {
    compare(shape, DType::F32, 40, false);  // many values at once: shorter tiles
    compare(shape, DType::F64, 50, false);
  }
}

// What is no loop with a reduction is refused, by the plan and by the step that checks the arrays.
void bad_ints() {
  const Isa isa = isas().back();
  const int64_t f32 = static_cast<int64_t>(DType::F32), negative = op_id("negative"), sum = op_id("reduce_sum");
  const auto with = [&](const std::vector<int64_t>& ending) {
    std::vector<int64_t> ints = {1, 12, 1, 1, 1, negative, f32, f32, 1, 0, 0};
    ints.insert(ints.end(), ending.begin(), ending.end());
    return ints;
  };
  float x[12], y[12];
  const View in = view(x, {12}, DType::F32);
  const auto plan = [&](const std::vector<int64_t>& ending) {
    const std::vector<int64_t> ints = with(ending);
    Fused(ints.data(), static_cast<int64_t>(ints.size()), &in.dtype, isa.tiles.data(), isa.folds);
  };
  const auto step = [&](const std::vector<int64_t>& ending, const std::vector<View>& out) {
    const std::vector<int64_t> ints = with(ending);
    Step(kFusedOp, {&in, 1}, out, ints, {});
  };
  const View four = view(y, {4}, DType::F32), three = view(y, {3}, DType::F32), halves = view(y, {4}, DType::F16);
  const std::vector<int64_t> good = {2, 3, 2, 1, sum, 1};
  plan(good);
  if (folds()[sum] != nullptr) {
    step(good, {four});
    CHECK_THROWS(step(good, {}), std::invalid_argument);
    CHECK_THROWS(step(good, {three}), std::invalid_argument);
    CHECK_THROWS(step(good, {halves}), std::invalid_argument);
    CHECK_THROWS(step(good, {four, four}), std::invalid_argument);
  }
  const std::vector<int64_t> bad[] = {
      {2, 3},                                                // ends early
      {2, 3, 2, 0},                                          // no reduction
      {2, 3, 2, 1, sum},                                     // no value
      {2, 3, 2, 1, sum, 1, 7},                               // goes on
      {2, 3, 3, 1, sum, 1},                                  // 18 elements
      {-2, -3, 2, 1, sum, 1},                                // negative sizes
      {INT64_MAX, INT64_MAX, INT64_MAX, 1, sum, 1},          // too large
      {int64_t{1} << 62, 4, 12, 1, sum, 1},                  // overflows
      {2, 3, 2, 1, negative, 1},                             // no reduction
      {2, 3, 2, 1, op_id("matmul"), 1},                      // none that folds tiles
      {2, 3, 2, 1, op_id("reduce_any"), 1},                  // not of floats
      {2, 3, 2, 1, 9999, 1},                                 // no op
      {2, 3, 2, 1, sum, 2},                                  // no value
      {2, 3, 2, 1, sum, 0},                                  // an input
      {2, 3, 2, 5, sum, 1, sum, 1, sum, 1, sum, 1, sum, 1},  // too many
  };
  for (const std::vector<int64_t>& ending : bad) {
    CHECK_THROWS(plan(ending), std::invalid_argument);
    CHECK_THROWS(step(ending, {four}), std::invalid_argument);
  }
}

}  // namespace
}  // namespace ckeras

int main() {
  using namespace ckeras;
  const cpu::FlushDenormals flush;
  cpu::set_num_threads(1);
  all_shapes();
  bad_ints();
  return CHECK_RESULT();
}
