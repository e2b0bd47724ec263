// random_bits random_uniform random_normal random_truncated_normal dropout. The numbers are philox.h's.
//
//   random_bits              in seed uint32[2]                out uint32
//   random_uniform           in seed   floats low, high       out float, in [low, high); low when high <= low
//   random_normal            in seed   floats mean, stddev    out float
//   random_truncated_normal  likewise, within 2 stddev of the mean
//   dropout                  in x float, seed   floats rate   out x / (1 - rate) where kept, else 0 (also for NaN)
//
// dropout with one seed drops the same elements whatever x is: its gradient is itself. rate in [0, 1); x may be the
// output's memory.
#pragma once
#include "runtime/kernel.h"
