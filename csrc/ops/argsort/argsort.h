// argsort: the places of the first k elements of each row in sorted order.
//
//   in   x [..., n], any dtype, n < 2^31
//   out  int32 [..., k], k <= n
//   ints descending
//
// Equal elements keep their order, either way; -0 equals 0; NaN counts as the greatest number.
#pragma once
#include "runtime/kernel.h"
