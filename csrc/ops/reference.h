// What the plain references of reductions and updates share: any dtype, one element at a time. Not for .isa.cpp files.
#pragma once
#include <limits>

#include "base/dtype.h"
#include "base/with_integer.h"
#include "gemm/reference.h"

namespace ckeras::reference {

// The one element of a rank 0 float array.
inline double scalar(const View& view) {
  double x = 0;
  with_float(view.dtype, [&](auto t) { x = view.as<const decltype(t)>()->get(); });
  return x;
}

}  // namespace ckeras::reference
