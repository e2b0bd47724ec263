// What processors of one instruction set have or have not. Included by .isa.cpp files too.
#pragma once

namespace ckeras::cpu {

// Dot products of bfloat16 in 64-byte registers (AVX512-BF16).
bool has_bfloat16_dots() noexcept;

}  // namespace ckeras::cpu
