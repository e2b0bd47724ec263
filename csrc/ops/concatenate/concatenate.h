// concatenate: arrays joined along one axis.
//
//   in   x0, x1, ...: at least one, of one dtype and of one shape but for the axis
//   out  the axis as long as theirs together
//   ints axis
#pragma once
#include "runtime/kernel.h"
