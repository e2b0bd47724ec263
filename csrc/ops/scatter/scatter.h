// scatter: rows of x replaced by, or combined with, rows of updates.
//
//   in   x [n, ...]; indices int32 or int64 [m]; updates [m, ...], of x's dtype
//   out  as x
//   ints mode: 0 the update alone (the last for an index wins), 1 the sum, 2 the maximum, 3 the minimum, 4 the product
//
// Updates are taken in the order of the indices; each sum or product is rounded. NaN is the maximum and the minimum.
// Integers wrap. Halves and bools take mode 0 only. Negative indices count from the end; one outside [-n, n) is a
// fault.
#pragma once
#include "ops/gather/gather.h"
