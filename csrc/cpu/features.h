// What processors of one instruction set have or have not. Included by .isa.cpp files too.
#pragma once

namespace ckeras::cpu {

// Dot products of bfloat16 in 64-byte registers (AVX512-BF16).
bool has_bfloat16_dots() noexcept;

// At least 48 KB of first-level cache. x86 processors with 64-byte registers that have it multiply two of these a
// cycle, those with less (Zen 4) one: then reading operands far apart hides behind the multiplications.
bool has_large_first_cache() noexcept;

}  // namespace ckeras::cpu
