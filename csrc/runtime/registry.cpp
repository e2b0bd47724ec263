#include "runtime/registry.h"

#include <array>
#include <cstdlib>
#include <cstring>
#include <iterator>
#include <stdexcept>
#include <string>

namespace ckeras {
namespace {

template <class... D>
constexpr uint16_t mask(D... d) {
  return static_cast<uint16_t>((0 | ... | (1 << static_cast<int>(d))));
}

// The dtype sets of ops.def.
using enum DType;
constexpr uint16_t INTS = mask(I8, I16, I32, I64, U8, U16, U32, U64);
constexpr uint16_t FLOATS = mask(F16, BF16, F32, F64);
constexpr uint16_t REALS = mask(F32, F64);
constexpr uint16_t BOOLS = mask(Bool);
constexpr uint16_t BITS = INTS | BOOLS;
constexpr uint16_t NUMBERS = INTS | FLOATS;
constexpr uint16_t ALL = NUMBERS | BOOLS;

constexpr OpResult SAME = OpResult::Same, BOOL = OpResult::Bool, ANY = OpResult::Any;
constexpr bool PURE = false, INPLACE = true;

constexpr OpInfo kOps[] = {
#define CKERAS_ELEMENTWISE(name, functor, arity, dtypes, result) \
  {#name, OpKind::Elementwise, arity, dtypes, result, true},
#define CKERAS_KERNEL(name, dtypes, traits) {#name, OpKind::Kernel, -1, dtypes, SAME, traits},
#define CKERAS_PORTABLE(name, dtypes, traits) {#name, OpKind::Portable, -1, dtypes, SAME, traits},
#include "ops/ops.def"
};
constexpr int kCount = sizeof(kOps) / sizeof(kOps[0]);

}  // namespace

namespace portable {
#define CKERAS_PORTABLE(name, dtypes, traits) extern const Kernel kernel_##name;
#include "ops/ops.def"
}  // namespace portable

#if CKERAS_HAS_BASELINE
#define CKERAS_COLUMN baseline
#define CKERAS_TILES baseline
#include "runtime/registry_column.inc"
#endif
#if CKERAS_HAS_AVX2
#define CKERAS_COLUMN avx2
#define CKERAS_TILES avx2
#include "runtime/registry_column.inc"
#endif
#if CKERAS_HAS_AVX512
#define CKERAS_COLUMN avx512
#define CKERAS_TILES avx512
#include "runtime/registry_column.inc"
#endif
#if CKERAS_HAS_NEON
#define CKERAS_COLUMN neon
#define CKERAS_TILES neon
#include "runtime/registry_column.inc"
#endif
// Elementwise ops have no second version in plain C++: their oracle is NumPy (tests/opinfo.py).
#define CKERAS_COLUMN reference
#if CKERAS_HAS_NEON
#define CKERAS_TILES neon
#elif CKERAS_HAS_BASELINE
#define CKERAS_TILES baseline
#else
#define CKERAS_TILES avx2
#endif
#include "runtime/registry_column.inc"

namespace {

struct Column {
  cpu::Isa isa;
  const Kernel* const* kernels;
  const FoldRow* folds;
  const LinalgRow* linalg;
  const KeySort* key_sort;
};

constexpr Column kColumns[] = {
    {cpu::Isa::Reference, reference::kColumn, nullptr, reference::kLinalg, reference::kKeySort},
#if CKERAS_HAS_BASELINE
    {cpu::Isa::Baseline, baseline::kColumn, baseline::folds, baseline::kLinalg, baseline::kKeySort},
#endif
#if CKERAS_HAS_AVX2
    {cpu::Isa::Avx2, avx2::kColumn, avx2::folds, avx2::kLinalg, avx2::kKeySort},
#endif
#if CKERAS_HAS_AVX512
    {cpu::Isa::Avx512, avx512::kColumn, avx512::folds, avx512::kLinalg, avx512::kKeySort},
#endif
#if CKERAS_HAS_NEON
    {cpu::Isa::Neon, neon::kColumn, neon::folds, neon::kLinalg, neon::kKeySort},
#endif
};

const Column* find(cpu::Isa isa) {
  for (const Column& column : kColumns) {
    if (column.isa == isa) return &column;
  }
  return nullptr;
}

const Column& choose() {
  cpu::Isa isa;
  std::string error;
  if (!cpu::choose_isa(std::getenv("CKERAS_ISA"), &isa, &error)) throw std::runtime_error(error);
  return *find(isa);
}

const Column& selected() {
  static const Column& column = choose();
  return column;
}

}  // namespace

std::span<const OpInfo> ops() { return kOps; }

int op_id(const char* name) {
  for (int i = 0; i < kCount; ++i) {
    if (std::strcmp(kOps[i].name, name) == 0) return i;
  }
  return -1;
}

TileTables tiles() {
  static const auto table = [] {
    std::array<const TileFn*, kCount> entries{};
    for (int i = 0; i < kCount; ++i) {
      if (const Kernel* kernel = selected().kernels[i]) entries[i] = kernel->tile;
    }
    return entries;
  }();
  return table.data();
}

FoldTables folds_for(cpu::Isa isa) {
  static const auto tables = [] {
    std::array<std::array<const Fold* const*, kCount>, std::size(kColumns)> found{};
    for (size_t c = 0; c < std::size(kColumns); ++c) {
      for (int i = 0; i < (kColumns[c].folds ? kFoldRows : 0); ++i) {
        found[c][op_id(kColumns[c].folds[i].op)] = kColumns[c].folds[i].of;
      }
    }
    return found;
  }();
  return cpu::supported(isa) ? tables[find(isa) - kColumns].data() : nullptr;
}

FoldTables folds() { return folds_for(selected().isa); }

const Kernel* kernel(int op) { return selected().kernels[op]; }

const Kernel* kernel_for(cpu::Isa isa, int op) { return cpu::supported(isa) ? find(isa)->kernels[op] : nullptr; }

const KeySort& key_sort() { return *selected().key_sort; }

std::span<const LinalgRow> linalg() { return {selected().linalg, kLinalgRows}; }

std::span<const LinalgRow> linalg_for(cpu::Isa isa) {
  return cpu::supported(isa) ? std::span<const LinalgRow>{find(isa)->linalg, kLinalgRows}
                             : std::span<const LinalgRow>{};
}

const LinalgRow* find_linalg(std::span<const LinalgRow> rows, const char* name) {
  for (const LinalgRow& row : rows) {
    if (std::strcmp(row.name, name) == 0) return &row;
  }
  return nullptr;
}

const char* isa() { return cpu::name_of(selected().isa); }

}  // namespace ckeras
