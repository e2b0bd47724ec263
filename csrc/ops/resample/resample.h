// resample: weighted sums of a few elements along one dimension.
//
//   in   x [..., n, ...] f32 f64; weights [m, taps] of its dtype; places [m, taps] int32, each in [0, n)
//   out  [..., m, ...]: element i is weights[i, 0] x[places[i, 0]] + weights[i, 1] x[places[i, 1]] + ...
//   ints axis
//
// Each product and each sum is rounded, from the first tap on. A place outside is a fault.
#pragma once
#include "ops/gather/gather.h"
