// Every elementwise op on every dtype against plain arithmetic in a wider type, on every instruction set of this
// machine; and AVX2 against AVX-512, bit for bit.
#include <bit>
#include <cmath>
#include <cstring>
#include <functional>
#include <limits>
#include <random>
#include <string>
#include <type_traits>
#include <vector>

#include "base/check.h"
#include "cpu/denormals.h"
#include "cpu/half.h"
#include "cpu/isa.h"
#include "runtime/registry.h"
#include "runtime/tile.h"

namespace ckeras {
namespace {

using Big = __int128;

template <class T>
struct Code;
#define CKERAS_TYPE(T, D)                    \
  template <>                                \
  struct Code<T> {                           \
    static constexpr DType value = DType::D; \
  };
CKERAS_TYPE(bool, Bool)
CKERAS_TYPE(int8_t, I8)
CKERAS_TYPE(int16_t, I16)
CKERAS_TYPE(int32_t, I32)
CKERAS_TYPE(int64_t, I64)
CKERAS_TYPE(uint8_t, U8)
CKERAS_TYPE(uint16_t, U16)
CKERAS_TYPE(uint32_t, U32)
CKERAS_TYPE(uint64_t, U64)
CKERAS_TYPE(float, F32)
CKERAS_TYPE(double, F64)
#undef CKERAS_TYPE

Big floor_divide(Big a, Big b) {
  if (b == 0) return 0;
  const Big q = a / b;
  return q * b != a && (a < 0) != (b < 0) ? q - 1 : q;
}
// The low 128 bits: products of two uint64 do not fit a signed Big.
Big product(Big a, Big b) {
  return static_cast<Big>(static_cast<unsigned __int128>(a) * static_cast<unsigned __int128>(b));
}

template <class T>
Big power(Big a, Big b) {
  if (b < 0) return a == 1 ? 1 : a == -1 ? (b % 2 == 0 ? 1 : -1) : 0;
  T r = 1;  // wraps as T does, one factor at a time
  for (Big i = 0; i < b % 64; ++i) r = static_cast<T>(product(static_cast<Big>(r), a));
  return r;
}

// What an op does to integers, before it wraps; the third operand of select is c.
template <class T>
bool integer_reference(const std::string& op, Big a, Big b, Big* r) {
  static const std::vector<std::pair<std::string, std::function<Big(Big, Big)>>> all = {
      {"add", [](Big x, Big y) { return x + y; }},
      {"subtract", [](Big x, Big y) { return x - y; }},
      {"multiply", product},
      {"floor_divide", floor_divide},
      {"mod", [](Big x, Big y) { return y == 0 ? 0 : x - floor_divide(x, y) * y; }},
      {"maximum", [](Big x, Big y) { return x > y ? x : y; }},
      {"minimum", [](Big x, Big y) { return x < y ? x : y; }},
      {"power_int", power<T>},
      {"negative", [](Big x, Big) { return -x; }},
      {"absolute", [](Big x, Big) { return x < 0 ? -x : x; }},
      {"sign", [](Big x, Big) -> Big { return (x > 0) - (x < 0); }},
      {"square", [](Big x, Big) { return product(x, x); }},
      {"equal", [](Big x, Big y) -> Big { return x == y; }},
      {"not_equal", [](Big x, Big y) -> Big { return x != y; }},
      {"less", [](Big x, Big y) -> Big { return x < y; }},
      {"less_equal", [](Big x, Big y) -> Big { return x <= y; }},
      {"greater", [](Big x, Big y) -> Big { return x > y; }},
      {"greater_equal", [](Big x, Big y) -> Big { return x >= y; }},
      {"logical_and", [](Big x, Big y) -> Big { return x && y; }},
      {"logical_or", [](Big x, Big y) -> Big { return x || y; }},
      {"logical_xor", [](Big x, Big y) -> Big { return (x != 0) != (y != 0); }},
      {"logical_not", [](Big x, Big) -> Big { return !x; }},
      {"bitwise_and", [](Big x, Big y) { return x & y; }},
      {"bitwise_or", [](Big x, Big y) { return x | y; }},
      {"bitwise_xor", [](Big x, Big y) { return x ^ y; }},
      {"bitwise_not", [](Big x, Big) { return ~x; }},
      {"left_shift",
       [](Big x, Big y) -> Big { return y < 0 || y >= Big(8 * sizeof(T)) ? 0 : product(x, Big{1} << y); }},
      {"right_shift", [](Big x, Big y) { return x >> (y < 0 || y > 64 ? 64 : y); }},
  };
  for (const auto& [name, f] : all) {
    if (name == op) return *r = f(a, b), true;
  }
  return false;
}

double float_mod(double a, double b) {
  const double r = std::fmod(a, b);
  if (r == 0) return std::copysign(0.0, b);
  return (r < 0) != (b < 0) ? r + b : r;
}
double float_sign(double a) { return a > 0 ? 1 : a < 0 ? -1 : a; }
double nan_or(double a, double b, double r) { return a != a ? a : b != b ? b : r; }

// Exact in T once rounded, but for the transcendental ops, which cpu/vmath.test.cpp holds.
bool float_reference(const std::string& op, double a, double b, double* r) {
  static const std::vector<std::pair<std::string, std::function<double(double, double)>>> all = {
      {"add", [](double x, double y) { return x + y; }},
      {"subtract", [](double x, double y) { return x - y; }},
      {"multiply", [](double x, double y) { return x * y; }},
      {"divide", [](double x, double y) { return x / y; }},
      {"mod", float_mod},
      {"maximum", [](double x, double y) { return nan_or(x, y, x > y ? x : y); }},
      {"minimum", [](double x, double y) { return nan_or(x, y, x < y ? x : y); }},
      {"negative", [](double x, double) { return -x; }},
      {"absolute", [](double x, double) { return std::abs(x); }},
      {"sign", [](double x, double) { return float_sign(x); }},
      {"square", [](double x, double) { return x * x; }},
      {"sqrt", [](double x, double) { return std::sqrt(x); }},
      {"reciprocal", [](double x, double) { return 1 / x; }},
      {"floor", [](double x, double) { return std::floor(x); }},
      {"ceil", [](double x, double) { return std::ceil(x); }},
      {"round", [](double x, double) { return std::nearbyint(x); }},
      {"trunc", [](double x, double) { return std::trunc(x); }},
      {"equal", [](double x, double y) -> double { return x == y; }},
      {"not_equal", [](double x, double y) -> double { return x != y; }},
      {"less", [](double x, double y) -> double { return x < y; }},
      {"less_equal", [](double x, double y) -> double { return x <= y; }},
      {"greater", [](double x, double y) -> double { return x > y; }},
      {"greater_equal", [](double x, double y) -> double { return x >= y; }},
      {"isnan", [](double x, double) -> double { return std::isnan(x); }},
      {"isinf", [](double x, double) -> double { return std::isinf(x); }},
      {"isfinite", [](double x, double) -> double { return std::isfinite(x); }},
  };
  for (const auto& [name, f] : all) {
    if (name == op) return *r = f(a, b), true;
  }
  return false;
}

// All pairs of telling values, then random ones.
template <class T>
void operands(const std::string& op, std::vector<T>* a, std::vector<T>* b) {
  std::mt19937_64 random(11);
  std::vector<T> telling;
  if constexpr (std::is_same_v<T, bool>) {
    telling = {false, true};
  } else if constexpr (std::is_integral_v<T>) {
    using L = std::numeric_limits<T>;
    telling = {0,
               1,
               2,
               3,
               7,
               static_cast<T>(-1),
               static_cast<T>(-2),
               static_cast<T>(-7),
               L::min(),
               L::max(),
               static_cast<T>(L::min() + 1),
               static_cast<T>(L::max() - 1)};
  } else {
    const T inf = std::numeric_limits<T>::infinity();
    telling = {
        0, -T(0), 1,       -1,       T(0.5),   T(-0.5),      T(1.5), T(2.5), T(-2.5),
        3, -7,    T(1e10), T(-1e10), T(1e-10), T(8388609.0), inf,    -inf,   std::numeric_limits<T>::quiet_NaN()};
  }
  for (T x : telling) {
    for (T y : telling) a->push_back(x), b->push_back(y);
  }
  for (int i = 0; i < 999; ++i) {
    if constexpr (std::is_integral_v<T>) {
      a->push_back(static_cast<T>(random()));
      b->push_back(static_cast<T>(random() >> (random() % 64)));
    } else {
      std::uniform_real_distribution<double> uniform(-50, 50);
      a->push_back(static_cast<T>(uniform(random)));
      b->push_back(static_cast<T>(uniform(random)));
    }
  }
  if constexpr (!std::is_same_v<T, bool>) {
    if (op != "power_int") return;
    for (T& y : *b) {
      if (y > T(0)) y = static_cast<T>(static_cast<uint64_t>(y) % 64);
    }
  }
}

template <class T>
std::vector<unsigned char> run_tile(TileFn fn, int arity, const std::vector<T>& a, const std::vector<T>& b,
                                    int64_t result_size) {
  const size_t n = a.size();
  std::vector<unsigned char> x(n * sizeof(T)), y(n * sizeof(T)), r(n * static_cast<size_t>(result_size));
  for (size_t i = 0; i < n; ++i) {
    const T p = a[i], q = b[i];
    std::memcpy(&x[i * sizeof(T)], &p, sizeof(T));
    std::memcpy(&y[i * sizeof(T)], &q, sizeof(T));
  }
  const void* in[kRepeated + 1] = {x.data(), y.data(), nullptr, &kNoneRepeated};
  static_cast<void>(arity);
  const cpu::FlushDenormals flush;
  fn(r.data(), in, static_cast<int64_t>(n));
  return r;
}

bool same(double got, double expected) {
  if (std::isnan(expected)) return std::isnan(got);
  return got == expected && std::signbit(got) == std::signbit(expected);
}

template <class T>
void check_op(int op) {
  const OpInfo& info = ops()[op];
  if (!info.allows(Code<T>::value) || info.arity > 2 || info.result == OpResult::Any) return;
  const std::string name = info.name;
  std::vector<T> a, b;
  operands(name, &a, &b);
  const int64_t size = info.result == OpResult::Bool ? 1 : static_cast<int64_t>(sizeof(T));
  std::vector<unsigned char> first;
  for (cpu::Isa isa : cpu::supported_isas()) {
    const Kernel* kernel = isa == cpu::Isa::Reference ? nullptr : kernel_for(isa, op);
    if (kernel == nullptr) continue;
    const TileFn fn = kernel->tile[static_cast<int>(Code<T>::value)];
    CHECK(fn != nullptr);
    if (fn == nullptr) continue;
    const std::vector<unsigned char> bytes = run_tile(fn, info.arity, a, b, size);
    int64_t wrong = 0;
    for (size_t i = 0; i < a.size(); ++i) {
      T value;
      std::memcpy(&value, &bytes[i * size], static_cast<size_t>(size));
      const bool boolean = info.result == OpResult::Bool;
      if constexpr (std::is_integral_v<T>) {
        Big expected;
        if (!integer_reference<T>(name, a[i], b[i], &expected)) break;
        const Big got = boolean ? Big{bytes[i]} : Big{value};
        wrong += got != (boolean ? expected : Big{static_cast<T>(expected)});
      } else {
        double expected;
        if (!float_reference(name, a[i], b[i], &expected)) break;
        if (isa == cpu::Isa::Baseline && name == "mod") break;  // no fused multiply-add: not exact
        if (boolean) {
          wrong += bytes[i] != expected;
        } else {
          const bool flushed = std::abs(expected) < std::numeric_limits<T>::min() && expected != 0;
          wrong += !flushed && !same(value, static_cast<double>(static_cast<T>(expected)));
        }
      }
    }
    if (wrong != 0) std::cerr << name << ' ' << name_of(Code<T>::value) << ' ' << cpu::name_of(isa) << '\n';
    CHECK_EQ(wrong, 0);
    if (isa == cpu::Isa::Baseline) continue;
    if (first.empty()) first = bytes;
    int64_t differ = 0;
    for (size_t i = 0; i < a.size(); ++i) {
      T x{}, y{};
      std::memcpy(&x, &first[i * size], static_cast<size_t>(size));
      std::memcpy(&y, &bytes[i * size], static_cast<size_t>(size));
      differ += std::memcmp(&first[i * size], &bytes[i * size], static_cast<size_t>(size)) != 0 && !(x != x && y != y);
    }
    CHECK_EQ(differ, 0);
  }
}

// Where floor division is exact, against floor(a / b) in long double.
void check_floor_divide() {
  const int op = op_id("floor_divide");
  std::mt19937 random(3);
  std::uniform_real_distribution<float> uniform(-100, 100);
  std::vector<float> a = {7, -7, 7, -7, 1, -1, 0, 6, 1, INFINITY, 5}, b = {2, 2, -2, -2, 0, 0, 3, -3, INFINITY, 2, NAN};
  const std::vector<float> expected = {3, -4, -4, 3, INFINITY, -INFINITY, 0, -2, 0, NAN, NAN};
  for (int i = 0; i < 500; ++i) a.push_back(uniform(random)), b.push_back(uniform(random));
  for (cpu::Isa isa : cpu::supported_isas()) {
    const Kernel* kernel = isa == cpu::Isa::Reference ? nullptr : kernel_for(isa, op);
    if (kernel == nullptr) continue;
    const auto bytes = run_tile(kernel->tile[static_cast<int>(DType::F32)], 2, a, b, 4);
    for (size_t i = 0; i < a.size(); ++i) {
      float got;
      std::memcpy(&got, &bytes[i * 4], 4);
      const float want = i < expected.size() ? expected[i] : std::floor(static_cast<long double>(a[i]) / b[i]);
      CHECK(got == want || (std::isnan(got) && std::isnan(want)));
    }
  }
}

template <class From, class To>
void check_cast(const std::vector<From>& x, const std::vector<To>& expected) {
  for (cpu::Isa isa : cpu::supported_isas()) {
    const Kernel* kernel = isa == cpu::Isa::Reference ? nullptr : kernel_for(isa, op_id("cast"));
    if (kernel == nullptr) continue;
    const TileFn fn = kernel->tile[static_cast<int>(Code<From>::value) * kDTypes + static_cast<int>(Code<To>::value)];
    const auto bytes = run_tile(fn, 1, x, x, sizeof(To));
    for (size_t i = 0; i < x.size(); ++i) {
      To got;
      std::memcpy(&got, &bytes[i * sizeof(To)], sizeof(To));
      CHECK_EQ(+got, +static_cast<To>(expected[i]));
    }
  }
}

void check_casts() {
  const float inf = INFINITY;
  check_cast<float, int8_t>({1.9f, -1.9f, 300, -300, NAN, inf, -inf}, {1, -1, 127, -128, 0, 127, -128});
  check_cast<float, uint8_t>({1.9f, -0.5f, -3, 255.5f, 256, NAN}, {1, 0, 0, 255, 255, 0});
  check_cast<float, int32_t>({2147483648.0f, -2147483648.0f, -3e9f, 1e6f}, {INT32_MAX, INT32_MIN, INT32_MIN, 1000000});
  check_cast<float, int64_t>({1e19f, -1e19f, 1e6f, NAN}, {INT64_MAX, INT64_MIN, 1000000, 0});
  check_cast<double, uint64_t>({2e19, -1, 1.5e19, 3.99}, {UINT64_MAX, 0, 15000000000000000000u, 3});
  check_cast<float, bool>({0, -0.0f, 0.5f, NAN, -2}, {false, false, true, true, true});
  check_cast<int32_t, int8_t>({300, -129, 5}, {44, 127, 5});
  check_cast<int64_t, float>({16777217, -3}, {16777216, -3});
  check_cast<bool, double>({true, false}, {1, 0});
}

// Every half there is to float32 and back; and float32 to halves around the ties.
void check_halves() {
  for (cpu::Isa isa : cpu::supported_isas()) {
    const Kernel* kernel = isa == cpu::Isa::Reference ? nullptr : kernel_for(isa, op_id("cast"));
    if (kernel == nullptr) continue;
    for (DType half : {DType::F16, DType::BF16}) {
      const int h = static_cast<int>(half), f = static_cast<int>(DType::F32);
      const bool f16 = half == DType::F16;
      std::vector<uint16_t> all(65536);
      for (size_t i = 0; i < all.size(); ++i) all[i] = static_cast<uint16_t>(i);
      std::vector<float> wide(all.size());
      const void* in[1] = {all.data()};
      kernel->tile[h * kDTypes + f](wide.data(), in, 65536);
      int64_t wrong = 0;
      std::vector<float> x;
      for (size_t i = 0; i < all.size(); ++i) {
        const float expected = f16 ? f16_to_f32(all[i]) : bf16_to_f32(all[i]);
        wrong += bits_of(wide[i]) != bits_of(expected) && !(std::isnan(wide[i]) && std::isnan(expected));
        if (f16 && expected != 0 && std::isfinite(expected)) {
          const int sign = all[i] & 0x8000 ? -1 : 1, e = all[i] >> 10 & 31, m = all[i] & 1023;
          wrong += expected != sign * (e ? std::ldexp(1024 + m, e - 25) : std::ldexp(m, -24));
        }
        if (std::fpclassify(expected) == FP_SUBNORMAL) continue;
        for (int d : {-1, 0, 1, 0x7ff, 0x800, 0xfff, 0x1000, 0x1001, 0x7fff, 0x8000, 0x8001}) {
          const float near = float_of(bits_of(expected) + static_cast<uint32_t>(d));
          if (std::fpclassify(near) != FP_SUBNORMAL) x.push_back(near);
        }
      }
      CHECK_EQ(wrong, 0);
      std::vector<uint16_t> rounded(x.size());
      in[0] = x.data();
      kernel->tile[f * kDTypes + h](rounded.data(), in, static_cast<int64_t>(x.size()));
      for (size_t i = 0; i < x.size(); ++i) {
        const uint16_t expected = f16 ? f32_to_f16(x[i]) : f32_to_bf16(x[i]);
        const float got = f16 ? f16_to_f32(rounded[i]) : bf16_to_f32(rounded[i]);
        wrong += std::isnan(x[i]) ? !std::isnan(got) : rounded[i] != expected;
      }
      CHECK_EQ(wrong, 0);
    }
  }
}

template <class T>
void check_select() {
  const int op = op_id("select");
  std::vector<uint8_t> m(37);
  std::vector<T> a(37), b(37), r(37);
  for (size_t i = 0; i < m.size(); ++i) m[i] = i % 3 == 0, a[i] = static_cast<T>(i), b[i] = static_cast<T>(100 - i);
  for (cpu::Isa isa : cpu::supported_isas()) {
    const Kernel* kernel = isa == cpu::Isa::Reference ? nullptr : kernel_for(isa, op);
    if (kernel == nullptr) continue;
    const void* in[kRepeated + 1] = {m.data(), a.data(), b.data(), &kNoneRepeated};
    kernel->tile[static_cast<int>(Code<T>::value)](r.data(), in, 37);
    for (size_t i = 0; i < m.size(); ++i) CHECK(r[i] == (m[i] ? a[i] : b[i]));
  }
}

template <class... T>
void all_types() {
  for (int op = 0; op < static_cast<int>(ops().size()); ++op) {
    if (ops()[op].kind == OpKind::Elementwise) (check_op<T>(op), ...);
  }
}

}  // namespace
}  // namespace ckeras

int main() {
  using namespace ckeras;
  all_types<bool, int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t, float, double>();
  check_select<int8_t>();
  check_select<uint16_t>();
  check_select<int32_t>();
  check_select<float>();
  check_select<double>();
  check_floor_divide();
  check_casts();
  check_halves();
  return CHECK_RESULT();
}
