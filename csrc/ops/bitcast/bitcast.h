// bitcast: the same bytes as another dtype.
//
//   in   x, any dtype
//   out  another dtype, as many bytes; not bool, whose bytes are 0 and 1
#pragma once
#include "runtime/kernel.h"
