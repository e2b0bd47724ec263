// sgd_update, adam_update and so on: an optimizer's step over all its variables at once.
//
//   in   the scalars (rank 0), then per variable p, g, slots;  out  per variable p', slots'
//
// op                scalars                              slots              ints                    floats
// sgd_update        lr                                   [m]                has momentum, nesterov  momentum
// adam_update       alpha (with the bias corrections)    m, v[, largest v]  amsgrad                 1-beta1, 1-beta2,
//                                                                                                   epsilon
// rmsprop_update    lr                                   v[, m][, mean g]   has momentum, centered  rho, 1-rho,
//                                                                                                   momentum, epsilon
// adagrad_update    lr                                   sum of g^2                                 epsilon
// adadelta_update   lr                                   mean g^2, step^2                           rho, 1-rho, epsilon
// adamax_update     lr / (1 - beta1^t)                   m, u                                       1-beta1, beta2,
//                                                                                                   epsilon
// nadam_update      lr, shares of m, g, v                m, v                                       1-beta1, 1-beta2,
//                                                                                                   epsilon
// lion_update       lr                                   m                                          beta1, 1-beta1,
//                                                                                                   beta2, 1-beta2
// schedule_free_update  lr, 1 / (1-beta2^t), 1 / t       z, v                                       beta1, 1-beta1,
//                                                                                                   1-beta2, epsilon
// ftrl_update       lr, 2*l2 + beta/lr                   n, z                                       power, l1,
//                                                                                                   2*shrinkage
//
// The formulas are in rules.h. INPLACE: an output may be the memory of its own variable's p or slot. Each operation
// rounds (none is fused), so the bits are those of the same formula in elementwise ops. Variables may have any float
// dtypes; halves compute in float32. The gradient has its variable's dtype, or is a half of a float32 variable.
#pragma once
#include "runtime/kernel.h"
