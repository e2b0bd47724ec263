// bincount: how often each bin occurs.
//
//   in   x int32 or int64, fewer than 2^31 elements
//   out  int32 [bins]
//
// A number outside [0, bins) is a fault.
#pragma once
#include "ops/gather/gather.h"
