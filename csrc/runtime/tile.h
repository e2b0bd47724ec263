// What the functions of tiles (Kernel::tile) get beside their operands.
#pragma once
#include <cstdint>

namespace ckeras {

// For functions of two operands and more, in[kRepeated] points to an `unsigned`. Bit i: in[i] holds kCopies elements,
// all the same, which stand for n; only for functions of float32 and float64.
inline constexpr int kRepeated = 3;
inline constexpr int64_t kCopies = 16;
inline constexpr unsigned kNoneRepeated = 0;

}  // namespace ckeras
