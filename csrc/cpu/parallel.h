// parallel_for: [0, n) cut into pieces by the shape alone, run by the pool. Included by .isa.cpp files and portable
// ones.
#pragma once
#include <cstdint>

#include "base/inline.h"

namespace ckeras::cpu {

// Calls body(context, begin, end) once for each piece [i * grain, min((i + 1) * grain, n)), from several threads: which
// one runs a piece is not fixed, how the range is cut is. Returns when all are done. A call from inside a body, or
// while another thread uses the pool, runs in the caller's thread. grain >= 1.
void run_pieces(int64_t n, int64_t grain, void (*body)(void*, int64_t, int64_t) noexcept, void* context) noexcept;

#ifdef CKERAS_ISA
}  // namespace ckeras::cpu

namespace ckeras::CKERAS_ISA {
#endif

// body(begin, end), called once a piece. In an .isa.cpp it is ckeras::CKERAS_ISA::parallel_for, elsewhere
// cpu::parallel_for.
template <class Body>
CKERAS_INLINE void parallel_for(int64_t n, int64_t grain, const Body& body) {
  if (n <= 0) return;
  if (n <= grain) {
    body(int64_t{0}, n);
    return;
  }
  cpu::run_pieces(
      n, grain,
      [](void* context, int64_t begin, int64_t end) noexcept { (*static_cast<const Body*>(context))(begin, end); },
      const_cast<Body*>(&body));
}

#ifdef CKERAS_ISA
}  // namespace ckeras::CKERAS_ISA
#else
}  // namespace ckeras::cpu
#endif
