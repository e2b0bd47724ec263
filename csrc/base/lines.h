// An array as lines along one of its axes. Included by .isa.cpp files: only CKERAS_INLINE code here.
#pragma once
#include "base/view.h"

namespace ckeras {

// Element i of line (o, k) lies at (o * n + i) * inner + k.
struct Lines {
  int64_t outer, n, inner;
};

CKERAS_INLINE Lines lines_along(const View& x, int64_t axis) {
  Lines lines = {1, x.shape[axis], 1};
  for (int64_t d = 0; d < axis; ++d) lines.outer *= x.shape[d];
  for (int64_t d = axis + 1; d < x.rank; ++d) lines.inner *= x.shape[d];
  return lines;
}

// The same for what takes lines one by one: those of a single element all lie side by side.
CKERAS_INLINE Lines lines_apart(const View& x, int64_t axis) {
  const Lines lines = lines_along(x, axis);
  return lines.n == 1 ? Lines{1, 1, lines.outer * lines.inner} : lines;
}

}  // namespace ckeras
