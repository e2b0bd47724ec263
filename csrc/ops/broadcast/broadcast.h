// broadcast: dimensions of size 1 repeated, trailing dimensions aligned.
//
//   in   x, any dtype, of the output's rank or less
//   out  the shape to reach
#pragma once
#include "runtime/kernel.h"
