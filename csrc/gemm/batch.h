// Many products of one shape: one after the other when each is large, side by side when small. Only for .isa.cpp files.
#pragma once
#include "cpu/parallel.h"
#include "gemm/pack.h"

namespace ckeras::CKERAS_ISA {

// `work`: multiply-adds of one product. `bytes`: the workspace of one.
struct Batch {
  int64_t count, work, bytes;

  // Pieces that run side by side, each with a workspace of its own. At most 32.
  CKERAS_MEMBER int64_t pieces() const {
    if (count <= 1 || work >= kPieceWork * 4) return 1;
    return least(least(count, 32), ceil_div(count * work, kPieceWork));
  }
  CKERAS_MEMBER int64_t total_bytes() const { return pieces() * bytes; }

  // body(index, workspace)
  template <class Body>
  CKERAS_MEMBER void run(void* workspace, const Body& body) const {
    char* const base = static_cast<char*>(workspace);
    const int64_t parts = pieces();
    if (parts <= 1) {
      for (int64_t i = 0; i < count; ++i) body(i, static_cast<void*>(base));
      return;
    }
    const Batch& self = *this;
    parallel_for(parts, 1, [&](int64_t begin, int64_t end) {
      for (int64_t part = begin; part < end; ++part) {
        for (int64_t i = self.count * part / parts; i < self.count * (part + 1) / parts; ++i) {
          body(i, static_cast<void*>(base + part * self.bytes));
        }
      }
    });
  }
};

}  // namespace ckeras::CKERAS_ISA
