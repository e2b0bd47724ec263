// Conversions between all dtypes (convert.h), as tiles. Only for elementwise.isa.cpp.
#pragma once
#include <cstddef>
#include <cstdint>

#include "base/dtype.h"
#include "cpu/vec.h"
#include "ops/elementwise/convert.h"
#include "runtime/kernel.h"

namespace ckeras::CKERAS_ISA {

struct Cast;

namespace {

// Never in place where the sizes differ: the fused loop sees to that.
template <int kFrom, int kTo>
void cast_tile(void* out, const void* const* in, int64_t n) noexcept {
  using From = typename ElementOf<kFrom>::type;
  using To = typename ElementOf<kTo>::type;
  const From* a = static_cast<const From*>(in[0]);
  To* r = static_cast<To*>(out);
  CKERAS_INDEPENDENT
  for (int64_t i = 0; i < n; ++i) r[i] = Convert<To>::from(number(a[i]));
}

template <int kSize>
void copy_tile(void* out, const void* const* in, int64_t n) noexcept {
  __builtin_memmove(out, in[0], static_cast<size_t>(n * kSize));
}

// Between a half and float32, sixteen at a time.
template <V16 (*kLoad)(const uint16_t*)>
void widen_tile(void* out, const void* const* in, int64_t n) noexcept {
  const uint16_t* a = static_cast<const uint16_t*>(in[0]);
  float* r = static_cast<float*>(out);
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) kLoad(a + i).store(r + i);
  if (i < n) {
    uint16_t last[16] = {};
    __builtin_memcpy(last, a + i, static_cast<size_t>(n - i) * 2);
    kLoad(last).store(r + i, n - i);
  }
}
template <void (*kStore)(uint16_t*, V16)>
void round_tile(void* out, const void* const* in, int64_t n) noexcept {
  const float* a = static_cast<const float*>(in[0]);
  uint16_t* r = static_cast<uint16_t*>(out);
  int64_t i = 0;
  for (; i + 16 <= n; i += 16) kStore(r + i, load(a + i));
  if (i < n) {
    uint16_t last[16];
    kStore(last, load(a + i, n - i));
    __builtin_memcpy(r + i, last, static_cast<size_t>(n - i) * 2);
  }
}

struct CastTiles {
  TileFn fn[kDTypes * kDTypes] = {};

  template <int kFrom, int... kTo>
  constexpr void set_row(Indices<kTo...>) {
    ((fn[kFrom * kDTypes + kTo] = cast_tile<kFrom, kTo>), ...);
  }
  template <int... kFrom>
  constexpr void set_rows(Indices<kFrom...>) {
    (set_row<kFrom>(IndicesTo<kDTypes>{}), ...);
  }
  constexpr void set(DType from, DType to, TileFn f) {
    fn[static_cast<int>(from) * kDTypes + static_cast<int>(to)] = f;
  }

  constexpr CastTiles() {
    set_rows(IndicesTo<kDTypes>{});
    constexpr TileFn copies[9] = {nullptr, copy_tile<1>, copy_tile<2>, nullptr,     copy_tile<4>,
                                  nullptr, nullptr,      nullptr,      copy_tile<8>};
    for (int d = 0; d < kDTypes; ++d) fn[d * kDTypes + d] = copies[kDTypeSizes[d]];
    set(DType::F16, DType::F32, widen_tile<load_f16>);
    set(DType::BF16, DType::F32, widen_tile<load_bf16>);
    set(DType::F32, DType::F16, round_tile<store_f16>);
    set(DType::F32, DType::BF16, round_tile<store_bf16>);
  }
};

}  // namespace
}  // namespace ckeras::CKERAS_ISA
