// lamb_update, adafactor_update, muon_update: steps that depend on a whole variable, over all variables at once.
//
//   in   the scalars (rank 0), then per variable p, g, slots;  out  per variable p', slots'
//
// op                scalars                        slots                  ints                       floats
// lamb_update       lr, 1-beta1^t, 1-beta2^t       m, v                                              1-beta1, 1-beta2,
//                                                                                                    epsilon
// adafactor_update  rate, share kept               rows, columns, squares                            epsilon1,
// epsilon2,
//                                                                                                    clip threshold
// muon_update       lr                             m                      nesterov, steps, has rate  momentum, a, b, c,
//                                                                                                    rms rate
//
// lamb: m and v as Adam's; r = (m' / k1) / (sqrt(v' / k2) + epsilon); p' = p - lr |p| / |r| r (ratio 1 where a length
// is 0). adafactor: of p [.., R, C] rows [.., R] and columns [.., C] are running means of g^2 + epsilon1 and squares'
// their product over the mean of the rows'; of fewer dimensions rows and columns are rank 0 and stay, squares is the
// running mean. s = g / sqrt(squares'); p' = p - s / max(rms(s) / threshold, 1) rate max(rms(p), epsilon2). muon: p [R,
// C]; m' = momentum m + g, x = m' or g + momentum m' over its length + 1e-7, `steps` times x = a x + (b A + c A A) x
// with A = x x^T (of a tall x, of its transpose); p' = p - x lr [rms rate sqrt(the longer side)].
//
// INPLACE: an output may be the memory of its own variable's p or slot. What is stored rounds to the variable's dtype
// before it is used on; halves compute in float32. Sums have the order of cpu/ordered_sum.h, products that of gemm.
#pragma once
#include "runtime/kernel.h"
