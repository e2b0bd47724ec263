// transpose: the dimensions in another order.
//
//   in   x, any dtype
//   out  output dim i is input dim ints[i]
//   ints a permutation of 0 ... rank - 1
#pragma once
#include "runtime/kernel.h"
