// The functions of vmath.h on arrays, for the tests: no part of the extension refers to them.
#pragma once
#include <cstdint>

namespace ckeras {

struct VmathRow {
  const char* name;
  // x, y (functions of two arguments; otherwise not read), results, count.
  void (*f32)(const float*, const float*, float*, int64_t) noexcept;
  void (*f64)(const double*, const double*, double*, int64_t) noexcept;
};

inline constexpr int kVmathRows = 19;

}  // namespace ckeras
