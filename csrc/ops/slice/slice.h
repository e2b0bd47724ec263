// slice: x[start::step] in each dimension, as many elements as the output's shape says.
//
//   in   x, any dtype
//   out  the same rank; start + (n - 1) * step lies inside x for every dimension of size n > 0
//   ints starts (rank), steps (rank; not 0, may be negative)
#pragma once
#include "runtime/kernel.h"
