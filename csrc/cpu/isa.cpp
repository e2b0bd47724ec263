#include "cpu/isa.h"

#include "cpu/features.h"

#if defined(__x86_64__)
#include <cpuid.h>
#endif

namespace ckeras::cpu {
namespace {

#if defined(__x86_64__)
struct X86 {
  bool avx2 = false;
  bool avx512 = false;
  bool bfloat16_dots = false;
  bool large_first_cache = false;
};

bool has(uint32_t word, std::initializer_list<int> bits) {
  for (int bit : bits) {
    if (!(word >> bit & 1)) return false;
  }
  return true;
}

// Bytes of the first-level cache of data; 0 where the processor does not say. Leaf 4 is Intel's, the other AMD's.
int64_t first_cache() {
  for (uint32_t leaf : {4u, 0x8000001du}) {
    for (uint32_t i = 0; i < 8; ++i) {
      uint32_t kind, shape, sets, d;
      if (!__get_cpuid_count(leaf, i, &kind, &shape, &sets, &d) || (kind & 0x1f) == 0) break;
      if ((kind & 0xff) != 0x21) continue;  // data, of level 1
      const int64_t ways = shape >> 22, partitions = shape >> 12 & 0x3ff, line = shape & 0xfff;
      return (ways + 1) * (partitions + 1) * (line + 1) * (int64_t{sets} + 1);
    }
  }
  return 0;
}

X86 detect() {
  X86 x;
  uint32_t a, b, c, d, b7, c7, d7;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !__get_cpuid_count(7, 0, &a, &b7, &c7, &d7)) return x;
  if (!has(c, {12, 27, 28, 29})) return x;  // FMA, OSXSAVE, AVX, F16C
  uint32_t low, high;
  __asm__("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
  x.large_first_cache = first_cache() >= int64_t{48} << 10;
  const bool saves_ymm = (low & 0x06) == 0x06;
  const bool saves_zmm = (low & 0xe6) == 0xe6;
  x.avx2 = saves_ymm && has(b7, {3, 5, 8});                         // BMI1, AVX2, BMI2
  x.avx512 = x.avx2 && saves_zmm && has(b7, {16, 17, 28, 30, 31});  // F, DQ, CD, BW, VL
  if (x.avx512 && __get_cpuid_count(7, 1, &a, &b, &c, &d)) x.bfloat16_dots = has(a, {5});
  return x;
}

const X86& x86() {
  static const X86 found = detect();
  return found;
}
#endif

bool always() { return true; }
bool never() { return false; }

#if defined(CKERAS_HAS_AVX2)
bool avx2() { return x86().avx2; }
#else
constexpr auto avx2 = never;
#endif
#if defined(CKERAS_HAS_AVX512)
bool avx512() { return x86().avx512; }
#else
constexpr auto avx512 = never;
#endif
#if defined(CKERAS_HAS_NEON)
constexpr auto neon = always;  // part of every 64-bit Arm
#else
constexpr auto neon = never;
#endif
#if defined(CKERAS_HAS_BASELINE)
constexpr auto baseline = always;
#else
constexpr auto baseline = never;
#endif

struct Row {
  const char* name;
  bool (*supported)();
};

// Indexed by Isa.
constexpr Row kRows[kIsas] = {
    {"reference", always}, {"baseline", baseline}, {"avx2", avx2}, {"avx512", avx512}, {"neon", neon},
};

}  // namespace

const char* name_of(Isa isa) { return kRows[static_cast<int>(isa)].name; }

#if defined(__x86_64__)
bool has_bfloat16_dots() noexcept { return x86().bfloat16_dots; }
bool has_large_first_cache() noexcept { return x86().large_first_cache; }
#else
bool has_bfloat16_dots() noexcept { return false; }
bool has_large_first_cache() noexcept { return false; }
#endif

bool supported(Isa isa) { return kRows[static_cast<int>(isa)].supported(); }

std::vector<Isa> supported_isas() {
  std::vector<Isa> isas;
  for (int i = 0; i < kIsas; ++i) {
    if (kRows[i].supported()) isas.push_back(static_cast<Isa>(i));
  }
  return isas;
}

bool choose_isa(const char* wish, Isa* isa, std::string* error) {
  const std::vector<Isa> isas = supported_isas();
  *isa = isas.back();
  if (wish == nullptr || *wish == '\0') return true;
  std::string names;
  for (Isa candidate : isas) {
    if (name_of(candidate) == std::string(wish)) {
      *isa = candidate;
      return true;
    }
    names += std::string(names.empty() ? "" : ", ") + name_of(candidate);
  }
  *error = "CKERAS_ISA=" + std::string(wish) + " is not an instruction set that this processor and build support. " +
           "Expected one of: " + names + ". Unset it to use the best (" + name_of(isas.back()) + ").";
  return false;
}

}  // namespace ckeras::cpu
