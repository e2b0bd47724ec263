// Elements by their size alone, for what only moves them.
#pragma once
#include <cstdint>

namespace ckeras {

// f(U{}) with the unsigned integer of so many bytes: 1, 2, 4 or 8.
template <class F>
void with_size(int64_t itemsize, const F& f) {
  switch (itemsize) {
    case 1:
      return f(uint8_t{});
    case 2:
      return f(uint16_t{});
    case 4:
      return f(uint32_t{});
    default:
      return f(uint64_t{});
  }
}

}  // namespace ckeras
