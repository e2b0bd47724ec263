// Running sums and products along one dimension, and the recurrence that is their derivative.
//
//   cumulative_sum   in x        out[i] = out[i-1] + x[i]                  ints axis, reversed
//   cumulative_prod  in x        out[i] = out[i-1] * x[i]                  ints axis, reversed
//   recurrence       in a, b     out[i] = a[i] * out[i-1] + b[i], out[-1] = 0   ints axis, reversed
//
// Reversed begins at the end. Floats are carried in float64 and rounded once each, so a product that leaves the range
// of the dtype may come back into it; integers wrap. recurrence takes floats alone.
//
// Along a row, running sums and products of floats are formed eight elements at a time: within pairs, then within
// fours, then within eight, the last of a half joining each of the next half; then what came before joins all eight.
// Lines that do not lie along memory, and recurrences, go element by element.
#pragma once
#include "base/lines.h"
#include "runtime/kernel.h"

namespace ckeras {

struct ScanLines : Lines {
  bool reversed;
  CKERAS_MEMBER explicit ScanLines(const Call& call)
      : Lines(lines_apart(call.out[0], call.ints[0])), reversed(call.ints[1] != 0) {}
};

}  // namespace ckeras
