// concatenate: arrays joined along one axis.
//
//   in   x0, x1, ...: at least one, of one dtype and of one shape but for the axis
//   out  the axis as long as theirs together
//   ints axis
#pragma once
#include "ops/move/strided_copy.h"

namespace ckeras::move {

// copy(input, its Copy) for every input.
template <class Body>
void concatenate_copies(const Call& call, const Body& copy) {
  const View& y = call.out[0];
  const int axis = static_cast<int>(call.ints[0]);
  int64_t outer = 1, inner = 1, dst = 0;
  for (int d = 0; d < axis; ++d) outer *= y.shape[d];
  for (int d = axis + 1; d < y.rank; ++d) inner *= y.shape[d];
  for (int i = 0; i < call.n_in; ++i) {
    const int64_t run = call.in[i].shape[axis] * inner;
    copy(i, Copy{{{outer, y.shape[axis] * inner, run}, {run, 1, 1}}, 2, dst, 0});
    dst += run;
  }
}

}  // namespace ckeras::move
