// argmax argmin: where along one axis the extreme is; the first of equals, and the first NaN if there is one.
//
//   in   x, any dtype, the axis not empty
//   out  int32, x's shape without the axis
//   ints axis
#pragma once
#include "base/lines.h"
#include "runtime/kernel.h"
