// Every function of vmath.h against the C library in higher precision, on every instruction set of this machine, held
// to the bounds that vmath.h states; and AVX2 against AVX-512, bit for bit.
#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <functional>
#include <limits>
#include <random>
#include <vector>

#include "base/check.h"
#include "cpu/denormals.h"
#include "cpu/isa.h"
#include "cpu/vmath_table.h"

namespace ckeras {
namespace baseline {
extern const VmathRow vmath_table[kVmathRows];
}
namespace avx2 {
extern const VmathRow vmath_table[kVmathRows];
}
namespace avx512 {
extern const VmathRow vmath_table[kVmathRows];
}
namespace neon {
extern const VmathRow vmath_table[kVmathRows];
}

namespace {

struct Table {
  cpu::Isa isa;
  const VmathRow* rows;
};

const std::vector<Table>& tables() {
  static const std::vector<Table> found = [] {
    const std::vector<Table> all = {
#if CKERAS_HAS_BASELINE
        {cpu::Isa::Baseline, baseline::vmath_table},
#endif
#if CKERAS_HAS_AVX2
        {cpu::Isa::Avx2, avx2::vmath_table},
#endif
#if CKERAS_HAS_AVX512
        {cpu::Isa::Avx512, avx512::vmath_table},
#endif
#if CKERAS_HAS_NEON
        {cpu::Isa::Neon, neon::vmath_table},
#endif
    };
    std::vector<Table> usable;
    for (const Table& t : all) {
      if (cpu::supported(t.isa)) usable.push_back(t);
    }
    return usable;
  }();
  return found;
}

using Wide = long double;
using Reference = std::function<Wide(Wide x, Wide y, Wide got)>;

// The inverse of erf by one Newton step from the result under test, whose error it so measures.
Wide erfinv_near(Wide x, Wide, Wide got) {
  if (std::abs(x) >= 1) return x == 1 ? INFINITY : x == -1 ? -INFINITY : NAN;
  const Wide slope = 1.128379167095512573896L * std::exp(-got * got);
  const Wide miss = got > 0.5L ? (1 - x) - std::erfc(got) : got < -0.5L ? std::erfc(-got) - (1 + x) : std::erf(got) - x;
  return got - miss / slope;
}

struct Function {
  const char* name;
  double ulp32, ulp64;  // as vmath.h states
  Reference reference;
};

const std::vector<Function>& functions() {
  static const std::vector<Function> all = {
      {"exp", 1, 1, [](Wide x, Wide, Wide) { return std::exp(x); }},
      {"exp2", 1, 2, [](Wide x, Wide, Wide) { return std::exp2(x); }},
      {"expm1", 2, 2, [](Wide x, Wide, Wide) { return std::expm1(x); }},
      {"log", 1, 1, [](Wide x, Wide, Wide) { return std::log(x); }},
      {"log1p", 2, 2, [](Wide x, Wide, Wide) { return std::log1p(x); }},
      {"tanh", 1.5, 3, [](Wide x, Wide, Wide) { return std::tanh(x); }},
      {"sigmoid", 2.5, 3, [](Wide x, Wide, Wide) { return 1 / (1 + std::exp(-x)); }},
      {"softplus", 2, 2,
       [](Wide x, Wide, Wide) { return std::fmax(x, Wide{0}) + std::log1p(std::exp(-std::fabs(x))); }},
      {"erf", 2, 2, [](Wide x, Wide, Wide) { return std::erf(x); }},
      {"sin", 2, 2, [](Wide x, Wide, Wide) { return std::sin(x); }},
      {"cos", 2, 2, [](Wide x, Wide, Wide) { return std::cos(x); }},
      {"erfinv", 4, 3, erfinv_near},
      {"tan", 4, 4, [](Wide x, Wide, Wide) { return std::tan(x); }},
      {"atan", 2, 2, [](Wide x, Wide, Wide) { return std::atan(x); }},
      {"asin", 2, 2, [](Wide x, Wide, Wide) { return std::asin(x); }},
      {"acos", 2, 2, [](Wide x, Wide, Wide) { return std::acos(x); }},
      {"atan2", 3, 3, [](Wide x, Wide y, Wide) { return std::atan2(x, y); }},
      {"pow", 1, 2, [](Wide x, Wide y, Wide) { return std::pow(x, y); }},
  };
  return all;
}

template <class T>
auto kernel_of(const VmathRow& row) {
  if constexpr (sizeof(T) == 4) {
    return row.f32;
  } else {
    return row.f64;
  }
}

template <class T>
std::vector<T> evaluate(const Table& table, const char* name, const std::vector<T>& x, const std::vector<T>& y) {
  std::vector<T> r(x.size());
  for (int i = 0; i < kVmathRows; ++i) {
    if (std::strcmp(table.rows[i].name, name) != 0) continue;
    const cpu::FlushDenormals flush;
    kernel_of<T>(table.rows[i])(x.data(), y.data(), r.data(), static_cast<int64_t>(x.size()));
  }
  return r;
}

// Distance in units of the last place of the exact value. What is denormal may be zero.
template <class T>
double ulps(T got, Wide exact) {
  if (std::isnan(got) || std::isnan(exact)) return std::isnan(got) == std::isnan(exact) ? 0 : INFINITY;
  constexpr Wide kSmallest = std::numeric_limits<T>::min();
  if (std::abs(exact) < kSmallest) return std::abs(got) <= kSmallest ? 0 : INFINITY;
  const T rounded = static_cast<T>(exact);
  if (std::isinf(got) || std::isinf(rounded)) {
    if (got == rounded) return 0;
    const T most = std::copysign(std::numeric_limits<T>::max(), rounded);
    return std::isinf(rounded) && got == most ? 1 : INFINITY;
  }
  int exponent;
  std::frexp(exact, &exponent);
  return static_cast<double>(std::abs(got - exact) / std::ldexp(Wide{1}, exponent - std::numeric_limits<T>::digits));
}

template <class T>
struct Points {
  std::vector<T> x, y;
};

constexpr int kGrids = 3989;  // grids of float32 bit patterns, this far apart: together they are every float32

// An eighth of the points where an emulator computes long doubles in software, and where code is instrumented.
#if defined(CKERAS_CROSS_COMPILED) || defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int kShare = 8;
#else
constexpr int kShare = 1;
#endif

// Bit patterns (of float32: those of one grid), the neighbourhood of 0 and 1 and the usual range more densely, and
// special values.
template <class T>
Points<T> points(const Function& f, int grid) {
  const bool two = std::strcmp(f.name, "pow") == 0, ratio = std::strcmp(f.name, "atan2") == 0;
  Points<T> p;
  std::mt19937_64 random(1 + grid);
  const auto put = [&](T x) {
    if (std::fpclassify(x) == FP_SUBNORMAL) return;
    T y = 0;
    if (two) {
      std::uniform_real_distribution<double> exponent(-90, 90);
      const double log = std::log(std::abs(static_cast<double>(x)));
      y = static_cast<T>(exponent(random) * (sizeof(T) == 4 ? 1 : 8) / (std::isfinite(log) && log != 0 ? log : 1));
      if (random() % 4 == 0) y = std::round(y);
      if (std::fpclassify(y) == FP_SUBNORMAL) y = 0;
    }
    if (ratio) {  // of all magnitudes, most of them near that of x
      y = static_cast<T>(x * std::ldexp(1 + static_cast<double>(random() % 1000) / 1000, random() % 8 ? 0 : 20));
      if (random() % 2) y = -y;
      if (std::fpclassify(y) == FP_SUBNORMAL) y = 0;
    }
    p.x.push_back(x);
    p.y.push_back(y);
  };
  if constexpr (sizeof(T) == 4) {
    for (uint64_t bits = grid; bits < (uint64_t{1} << 32); bits += kGrids * kShare) {
      put(std::bit_cast<float>(static_cast<uint32_t>(bits)));
    }
  } else {
    for (int i = 0; i < 200000 / kShare; ++i) put(std::bit_cast<double>(random()));
  }
  if (grid > 0) return p;
  std::uniform_real_distribution<double> near(-1.5, 1.5), usual(-100, 100), far(-800, 800);
  for (int i = 0; i < 100000 / kShare; ++i) {
    put(static_cast<T>(near(random)));
    put(static_cast<T>(usual(random)));
    put(static_cast<T>(far(random)));
    put(static_cast<T>(1 + near(random) * 1e-3));
    put(static_cast<T>(1 - std::ldexp(1 + std::abs(near(random)), -static_cast<int>(random() % 50))));
  }
  for (T x : {0.0, -0.0, 1.0, -1.0, 0.5, double(INFINITY), -double(INFINITY), double(NAN), 1e30, -1e30, 1e-30}) {
    for (T y : {0.0, -0.0, 1.0, -1.0, 0.5, 2.0, 3.0, -3.0, double(INFINITY), -double(INFINITY), double(NAN), 1e30}) {
      p.x.push_back(x);
      p.y.push_back(y);
    }
  }
  return p;
}

template <class T>
void check_function(const Function& f, int grid) {
  const Points<T> p = points<T>(f, grid);
  const double bound = sizeof(T) == 4 ? f.ulp32 : f.ulp64;
  const bool newton = std::strcmp(f.name, "erfinv") == 0;
  std::vector<Wide> exact(p.x.size());
  if (!newton) {
    for (size_t i = 0; i < p.x.size(); ++i) exact[i] = f.reference(p.x[i], p.y[i], 0);
  }
  std::vector<std::vector<T>> results;
  for (const Table& table : tables()) {
    std::vector<T> r = evaluate(table, f.name, p.x, p.y);
    double worst = 0;
    size_t where = 0;
    for (size_t i = 0; i < r.size(); ++i) {
      const Wide value = newton ? f.reference(p.x[i], 0, r[i]) : exact[i];
      double error = ulps(r[i], value);
      if (value == 0 && std::signbit(r[i]) != std::signbit(value)) error = INFINITY;
      if (error > worst) worst = error, where = i;
    }
    const bool fused = table.isa != cpu::Isa::Baseline;
    std::printf("%-8s %-8s float%d  max %.3g ULP at %.9g, %.9g\n", cpu::name_of(table.isa), f.name,
                static_cast<int>(8 * sizeof(T)), worst, static_cast<double>(p.x[where]),
                static_cast<double>(p.y[where]));
    if (fused) {
      CHECK(worst <= bound);
      results.push_back(std::move(r));
    } else {
      CHECK(worst <= 2 * bound);
    }
  }
  for (size_t i = 1; i < results.size(); ++i) {
    size_t differ = 0;
    for (size_t j = 0; j < p.x.size(); ++j) {
      const T a = results[0][j], b = results[i][j];
      differ += !(std::isnan(a) && std::isnan(b)) && std::memcmp(&a, &b, sizeof a) != 0;
    }
    CHECK_EQ(differ, size_t{0});
  }
}

}  // namespace
}  // namespace ckeras

// An argument is the number of grids to try for float32; 3989 are all values, and hours.
int main(int count, char** arguments) {
  const int grids = count > 1 ? std::clamp(std::atoi(arguments[1]), 1, ckeras::kGrids) : 1;
  for (const ckeras::Function& f : ckeras::functions()) {
    for (int grid = 0; grid < grids; ++grid) ckeras::check_function<float>(f, grid);
    ckeras::check_function<double>(f, 0);
  }
  return CHECK_RESULT();
}
