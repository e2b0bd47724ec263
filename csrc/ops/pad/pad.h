// pad: x with a value around and between its elements; negative lows and highs crop.
//
//   in   x, any dtype; value (rank 0, the same dtype)
//   out  size low + n + max(0, n - 1) * interior + high in each dimension
//   ints lows (rank), highs (rank), interiors (rank; not negative)
#pragma once
#include "runtime/kernel.h"
