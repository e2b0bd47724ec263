// Keeps a vector in a register. Only for .isa.cpp files.
#pragma once
#include "cpu/vec.h"

namespace ckeras::CKERAS_ISA {
namespace {

// GCC would load what several multiply-adds take once for each, and a register is loaded in a cycle.
template <class T, int N>
CKERAS_INLINE void hold([[maybe_unused]] Reg<T, N>& v) {
#if defined(CKERAS_ISA_AVX512)
  asm("" : "+v"(v.r));
#endif
}
template <class H>
CKERAS_INLINE void hold(Pair<H>&) {}

}  // namespace
}  // namespace ckeras::CKERAS_ISA
