// softmax, log_softmax over the last axis.
//
//   in   x, float, rank 1 or more
//   out  the same
//
// softmax = exp(x - max) / sum(exp(x - max)), log_softmax = x - max - log(sum(exp(x - max))); halves in float32. The
// sum has the order of cpu/ordered_sum.h, one chunk as long as the row. A row of -inf, or with +inf or NaN, gives NaN.
#pragma once
#include "runtime/kernel.h"
