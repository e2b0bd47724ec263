// layer_norm and its gradient: each row by its own moments, or (rms) by its root mean square.
//
// layer_norm       in   x [R,C], [gamma [C]], [beta [C]]      out  y [R,C], mean [R] (0 with rms), rstd [R]
// layer_norm_grad  in   x, dy [R,C], mean, rstd [R], [gamma]  out  dx [R,C], [dgamma [C]], [dbeta [C]]
//   ints    rms, has gamma, has beta (of the gradient: whether dgamma, dbeta are wanted; gamma is given with dgamma)
//   floats  epsilon (layer_norm alone)
//
//   h = (x - mean) rstd, rstd = 1 / sqrt(mean((x - mean)^2) + epsilon), y = h gamma + beta
//   dx = rstd (g - mean(g) - h mean(g h)), g = dy gamma; with rms mean(g) counts as 0
//   dgamma = sum over rows of dy h, dbeta = sum over rows of dy
//
// x, y, dy, dx: f16 bf16 f32 f64. All else has the dtype that computes: f64 for f64, f32 for the others. Sums over a
// row have the order of cpu/ordered_sum.h. Those over rows: chunks of kNormRows rows, one row after the other, chunks
// joined in rising order in float64. C may not be 0.
#pragma once
#include "runtime/kernel.h"

namespace ckeras {

inline constexpr int64_t kNormRows = 64;

}  // namespace ckeras
