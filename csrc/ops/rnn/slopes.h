// Derivatives of sigmoid and tanh from their values. Only for .isa.cpp files.
#pragma once
#include "cpu/vec.h"

namespace ckeras::CKERAS_ISA {

template <class V>
CKERAS_INLINE V sigmoid_slope(V y) {
  return y * (V(1) - y);
}
template <class V>
CKERAS_INLINE V tanh_slope(V y) {
  return fnma(y, y, V(1));
}

}  // namespace ckeras::CKERAS_ISA
