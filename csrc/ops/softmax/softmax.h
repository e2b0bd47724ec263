// softmax, log_softmax along one axis.
//
//   in   x, float, rank 1 or more
//   out  the same
//   ints axis
//
// softmax = exp(x - max) / sum(exp(x - max)), log_softmax = x - max - log(sum(exp(x - max))); halves in float32. The
// sum of a row has the order of cpu/ordered_sum.h, one chunk as long as the row; along other axes it has the order of
// ops/reduce/reduce.h for columns. A line of -inf, or with +inf or NaN, gives NaN.
#pragma once
#include "base/lines.h"
#include "runtime/kernel.h"
