// The C++ type of an integer dtype.
#pragma once
#include <cstdint>

#include "base/dtype.h"

namespace ckeras {

// f(T{}) with the C++ integer of an integer dtype, bool as uint8_t; nothing for floats. Always inlined: it is shared by
// code of every instruction set.
template <class F>
[[gnu::always_inline]] inline void with_integer(DType dtype, const F& f) {
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

}  // namespace ckeras
