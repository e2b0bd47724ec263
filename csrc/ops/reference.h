// What the plain references of reductions and updates share: any dtype, one element at a time. Not for .isa.cpp files.
#pragma once
#include <limits>

#include "base/dtype.h"
#include "gemm/reference.h"

namespace ckeras::reference {

// f(T{}) with the C++ integer of an integer dtype; bool is uint8_t.
template <class F>
void with_integer(DType dtype, const F& f) {
  switch (dtype) {
    case DType::I8:
      return f(int8_t{});
    case DType::I16:
      return f(int16_t{});
    case DType::I32:
      return f(int32_t{});
    case DType::I64:
      return f(int64_t{});
    case DType::Bool:
    case DType::U8:
      return f(uint8_t{});
    case DType::U16:
      return f(uint16_t{});
    case DType::U32:
      return f(uint32_t{});
    case DType::U64:
      return f(uint64_t{});
    default:
      return;
  }
}

// The one element of a rank 0 float array.
inline double scalar(const View& view) {
  double x = 0;
  with_float(view.dtype, [&](auto t) { x = view.as<const decltype(t)>()->get(); });
  return x;
}

}  // namespace ckeras::reference
