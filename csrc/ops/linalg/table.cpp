#include "ops/linalg/table.h"

#include <cstring>

#include "runtime/registry.h"

namespace ckeras {

#if CKERAS_HAS_BASELINE
namespace baseline {
extern const LinalgRow linalg_rows[kLinalgRows];
}
#endif
#if CKERAS_HAS_AVX2
namespace avx2 {
extern const LinalgRow linalg_rows[kLinalgRows];
}
#endif
#if CKERAS_HAS_AVX512
namespace avx512 {
extern const LinalgRow linalg_rows[kLinalgRows];
}
#endif
#if CKERAS_HAS_NEON
namespace neon {
extern const LinalgRow linalg_rows[kLinalgRows];
}
#endif

namespace {

struct Column {
  cpu::Isa isa;
  const LinalgRow* rows;
};

constexpr Column kColumns[] = {
#if CKERAS_HAS_BASELINE
    {cpu::Isa::Baseline, baseline::linalg_rows},
#endif
#if CKERAS_HAS_AVX2
    {cpu::Isa::Avx2, avx2::linalg_rows},
#endif
#if CKERAS_HAS_AVX512
    {cpu::Isa::Avx512, avx512::linalg_rows},
#endif
#if CKERAS_HAS_NEON
    {cpu::Isa::Neon, neon::linalg_rows},
#endif
};

std::span<const LinalgRow> choose() {
  for (const Column& column : kColumns) {
    if (std::strcmp(cpu::name_of(column.isa), isa()) == 0) return {column.rows, kLinalgRows};
  }
  return {kColumns[0].rows, kLinalgRows};
}

}  // namespace

std::span<const LinalgRow> linalg() {
  static const std::span<const LinalgRow> rows = choose();
  return rows;
}

std::span<const LinalgRow> linalg_for(cpu::Isa isa) {
  for (const Column& column : kColumns) {
    if (column.isa == isa && cpu::supported(isa)) return {column.rows, kLinalgRows};
  }
  return {};
}

const LinalgRow* find_linalg(std::span<const LinalgRow> rows, const char* name) {
  for (const LinalgRow& row : rows) {
    if (std::strcmp(row.name, name) == 0) return &row;
  }
  return nullptr;
}

}  // namespace ckeras
