// How many operands and attributes the structured ops take, and of which dtype: checked once, before a kernel reads
// them.
#pragma once
#include <cstdint>
#include <span>

#include "base/view.h"

namespace ckeras {

// Throws std::invalid_argument when the numbers of inputs, outputs or attributes are not those that the op's contract
// (csrc/ops/<name>/<name>.h) names, or the dtype is none of ops.def's. Every op takes at least one input and gives at
// least one output; of ops without a row in counts.cpp no more is checked. What the values of attributes mean is the
// records' business.
void check_counts(int op, std::span<const View> in, std::span<const View> out, std::span<const int64_t> ints,
                  std::span<const double> floats);

}  // namespace ckeras
