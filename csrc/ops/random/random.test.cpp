// Random numbers: Philox's published vectors, every distribution against its reference, moments, ranges, dropout.
#include "ops/random/random.h"

#include <cmath>

#include "ops/random/philox.h"
#include "ops/testing.h"

using namespace ckeras;
using namespace ckeras::testing;

namespace {

Array seed_of(uint32_t a, uint32_t b) {
  Array seed(DType::U32, {2});
  seed.view.as<uint32_t>()[0] = a;
  seed.view.as<uint32_t>()[1] = b;
  return seed;
}

// The known-answer vectors of Random123 1.14, philox4x32 with 10 rounds.
void check_known_answers() {
  const struct {
    uint32_t counter[4], key[2], words[4];
  } answers[] = {
      {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
      {{~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
      {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
       {0xa4093822, 0x299f31d0},
       {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
  };
  for (const auto& answer : answers) {
    uint32_t c[4];
    std::memcpy(c, answer.counter, sizeof c);
    philox_block(c, answer.key[0], answer.key[1]);
    for (int i = 0; i < 4; ++i) CHECK_EQ(c[i], answer.words[i]);
  }
  // The first block of seed 0 is the first vector: words 16 elements apart.
  const Array seed = seed_of(0, 0);
  for (cpu::Isa isa : cpu::supported_isas()) {
    const Outcome got = run(isa, "random_bits", {&seed}, {{DType::U32, {64}}}, {});
    for (int i = 0; i < 4; ++i) CHECK_EQ(got.out[0].view.as<uint32_t>()[16 * i], answers[0].words[i]);
  }
}

void check_against_reference() {
  const Array seed = seed_of(0x89abcdef, 0x01234567);
  for (int64_t n : {0, 1, 15, 16, 17, 31, 33, 63, 64, 65, 130, 8192, 8197}) {
    check_kernel("random_bits", {&seed}, {{DType::U32, {n}}}, {}, {});
    for (DType dtype : kFloats) {
      const std::vector<Out> out = {{dtype, {n}}};
      const double rounding = dtype == DType::F64 ? 0x1p-52 : 0x1p-23;
      check_kernel("random_uniform", {&seed}, out, {{}, {-1.5, 2.5}}, {epsilon(dtype), 8 * rounding});
      // Near v = 1 the logarithm's argument itself is rounded.
      check_kernel("random_normal", {&seed}, out, {{}, {0.5, 2}}, {epsilon(dtype), 2 * std::sqrt(rounding)});
      if (n < 8192) {
        check_kernel("random_truncated_normal", {&seed}, out, {{}, {0.5, 2}}, {epsilon(dtype), 64 * rounding});
      }
      Array x = sample(dtype, {n}, 9);
      for (int64_t i = 3; i < n; i += 50) x.set(i, i % 100 == 3 ? NAN : INFINITY);
      for (double rate : {0.0, 0.3, 0.999}) {
        check_kernel("dropout", {&x, &seed}, out, {{}, {rate}}, {2 * epsilon(dtype), 0});
      }
    }
  }
}

// Moments of n independent numbers stray by their own deviation over sqrt(n): five of these are allowed.
void check_moments(cpu::Isa isa, DType dtype) {
  const int64_t n = 1 << 17;
  const Array seed = seed_of(42, 7);
  const double rough = 4 * epsilon(dtype);  // rounding moves them too
  auto moment = [n](const Array& a, int power) {
    double total = 0;
    for (int64_t i = 0; i < n; ++i) total += std::pow(a.at(i), power);
    return total / static_cast<double>(n);
  };
  const double stray = 5 / std::sqrt(static_cast<double>(n));
  const struct {
    const char* op;
    std::vector<double> floats;
    double mean, variance, fourth;
  } cases[] = {
      {"random_uniform", {-1, 1}, 0, 1.0 / 3, 0.2},
      {"random_normal", {0, 1}, 0, 1, 3},
      // 1 - 2 a phi(a) / (2 Phi(a) - 1) at a = 2, and its fourth moment 3 - 2 (a^3 + 3 a) phi(a) / (2 Phi(a) - 1).
      {"random_truncated_normal", {0, 1}, 0, 0.7737413, 1.4161893},
  };
  for (const auto& c : cases) {
    const Outcome got = run(isa, c.op, {&seed}, {{dtype, {n}}}, {{}, c.floats});
    const Array& z = got.out[0];
    CHECK_NEAR(moment(z, 1), c.mean, stray * std::sqrt(c.variance) + rough);
    CHECK_NEAR(moment(z, 2), c.variance, stray * std::sqrt(c.fourth) + rough);
    CHECK_NEAR(moment(z, 3), 0, 4 * stray + rough);
    CHECK_NEAR(moment(z, 4), c.fourth, 10 * stray + 3 * rough);
    double covariance = 0;  // of neighbours, and of the two numbers of a Box-Muller pair
    for (int64_t i = 0; i + 16 < n; ++i) covariance += z.at(i) * (z.at(i + 1) + z.at(i + 16));
    CHECK_NEAR(covariance / static_cast<double>(n), 0, 2 * stray + rough);
  }
}

// [low, high), also where rounding would reach high.
void check_ranges(cpu::Isa isa) {
  const Array seed = seed_of(3, 1);
  const double ranges[][2] = {{0, 1}, {-1, 3}, {-2, 0}, {-2, -1}, {1, 1.0009765625}, {100, 101}, {-1e-3, 0}, {2, 2}};
  for (DType dtype : kFloats) {
    for (const auto& [low, high] : ranges) {
      const Outcome got = run(isa, "random_uniform", {&seed}, {{dtype, {5000}}}, {{}, {low, high}});
      bool inside = true;
      for (int64_t i = 0; i < 5000; ++i) {
        const double u = got.out[0].at(i);
        inside &= u >= low - epsilon(dtype) * std::abs(low) && (low == high ? u == low : u < high);
      }
      if (!inside) std::cerr << name_of(dtype) << " in " << low << ' ' << high << " on " << cpu::name_of(isa) << '\n';
      CHECK(inside);
      const Outcome z = run(isa, "random_truncated_normal", {&seed}, {{dtype, {5000}}}, {{}, {0, 1}});
      for (int64_t i = 0; i < 5000; ++i) CHECK(std::abs(z.out[0].at(i)) <= 2);
    }
  }
}

// A shorter array is the beginning of a longer one, and dropout works in place.
void check_prefix_and_in_place(cpu::Isa isa) {
  const Array seed = seed_of(5, 6);
  for (const char* op : {"random_normal", "random_uniform"}) {
    const Outcome all = run(isa, op, {&seed}, {{DType::F32, {300}}}, {{}, {0, 1}});
    const Outcome part = run(isa, op, {&seed}, {{DType::F32, {77}}}, {{}, {0, 1}});
    CHECK(std::memcmp(all.out[0].bytes.data(), part.out[0].bytes.data(), 77 * 4) == 0);
  }
  for (DType dtype : kFloats) {
    Array x = sample(dtype, {1003}, 2);
    const Attributes attributes = {{}, {0.4}};
    const Outcome apart = run(isa, "dropout", {&x, &seed}, {{dtype, {1003}}}, attributes);
    Fault fault;
    const View in[] = {x.view, seed.view};
    kernel_for(isa, op_id("dropout"))
        ->run({in, &x.view, 2, 1, nullptr, attributes.floats.data(), 0, 1, nullptr, &fault});
    CHECK(x.bytes == apart.out[0].bytes);
  }
}

}  // namespace

int main() {
  check_known_answers();
  check_against_reference();
  for (cpu::Isa isa : cpu::supported_isas()) {
    check_ranges(isa);
    check_prefix_and_in_place(isa);
    if (isa == cpu::Isa::Reference) continue;
    for (DType dtype : {DType::F32, DType::F64, DType::F16}) check_moments(isa, dtype);
  }
  return CHECK_RESULT();
}
