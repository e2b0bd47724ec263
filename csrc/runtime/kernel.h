// The one calling convention of every kernel on every device.
// Included by .isa.cpp files: only plain types here.
#pragma once
#include <cstdint>

#include "base/view.h"

namespace ckeras {

// A kernel that meets a bad value (an index or label out of range) writes the first one here and returns at once or
// goes on without touching memory out of bounds. The caller turns it into a Python exception that names the op.
struct Fault {
  int32_t code = 0;  // 0: none; 1: index out of range
  int64_t value = 0;
  int64_t limit = 0;
  const char* op = nullptr;  // noted by whoever runs a list of ops
};

struct Call {
  const View* in;
  const View* out;
  int32_t n_in;
  int32_t n_out;
  const int64_t* ints;   // integer attributes, in the order that <op>.h documents
  const double* floats;  // real attributes, likewise
  int32_t n_ints;
  int32_t n_floats;
  void* workspace;  // as many bytes as the kernel's WorkspaceFn asked for, 64-byte aligned
  Fault* fault;     // never null
};

// Allocates nothing, throws nothing; may call cpu::parallel_for. Shapes, dtypes and attributes were checked above.
using RunFn = void (*)(const Call&) noexcept;

// Bytes of workspace, from shapes and attributes only (data pointers are null).
using WorkspaceFn = int64_t (*)(const Call&) noexcept;

// One elementwise function over n contiguous elements, single thread. `out` may equal an input.
using TileFn = void (*)(void* out, const void* const* in, int64_t n) noexcept;

struct Kernel {
  RunFn run;              // null for an elementwise op: the fused loop runs its tiles
  WorkspaceFn workspace;  // null: none needed
  const TileFn* tile;     // elementwise: one entry a DType of the first value operand, null where unsupported
};

}  // namespace ckeras
