// reduce_sum reduce_prod reduce_max reduce_min reduce_any reduce_all: many dimensions become fewer.
//
//   in   x: numbers for sum and prod, any dtype for max and min, bool for any and all
//   out  x's dtype, x's shape without the reduced dimensions
//   ints a flag for each dimension of x: 1 reduced, 0 kept
//
// Sums and products of integers wrap. Halves are folded in float32 and rounded once. NaN wins in max and min. Over no
// elements: sum 0, prod 1, any false, all true; max and min the least and greatest value (Python refuses them).
//
// The order of a float fold depends on the shape alone. Dimensions of size 1 are dropped and neighbours with equal
// flags merged; then each reduced dimension, the last one first, is folded as [outer, n, inner] -> [outer, inner]:
//   inner == 1   rows: cpu/ordered_sum.h
//   inner > 1    columns: chunks of kRowChunk rows. In a chunk rows are taken in fours, (0 with 1) with (2 with 3),
//   each
//                four folded to what came before; the rows left over one by one. Chunks fold in rising order, float32
//                sums and products in float64, rounded once.
#pragma once
#include "runtime/kernel.h"

namespace ckeras {

inline constexpr int64_t kRowChunk = 256;

}  // namespace ckeras
