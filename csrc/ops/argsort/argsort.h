// argsort: the places of the first k elements of each row in sorted order. sort: these elements.
//
//   in   x [..., n], any dtype, n < 2^31
//   out  [..., k], k <= n: int32, of sort x's dtype
//   ints descending
//
// Equal elements keep their order, either way; -0 equals 0; NaN counts as the greatest number.
#pragma once
#include "runtime/kernel.h"
