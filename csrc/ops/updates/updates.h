// sgd_update, adam_update: an optimizer's step over all its variables at once.
//
// sgd_update
//   in     lr (rank 0), then per variable p, g, and m when there is momentum
//   out    per variable p', and m' when there is momentum
//   ints   has momentum, nesterov;  floats momentum
//   no momentum   p' = p - lr * g
//   momentum      m' = momentum * m - lr * g;  p' = p + m', with nesterov p' = p + (momentum * m' - lr * g)
// adam_update (Kingma and Ba, 2015; alpha holds the bias corrections)
//   in     alpha (rank 0), then per variable p, g, m, v
//   out    per variable p', m', v'
//   floats 1 - beta1, 1 - beta2, epsilon
//   m' = m + (g - m) * (1 - beta1);  v' = v + (g * g - v) * (1 - beta2);  p' = p - alpha * m' / (sqrt(v') + epsilon)
//
// INPLACE: an output may be the memory of its own variable's p, m or v. Each operation rounds (none is fused), so the
// bits are those of the same formula in elementwise ops. Variables may have any float dtypes; halves compute in
// float32.
#pragma once
#include "runtime/kernel.h"
