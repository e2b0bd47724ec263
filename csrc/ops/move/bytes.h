// Short runs of bytes. For .cpp files.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "base/inline.h"

namespace ckeras::move {

// 16 bytes that move as one element.
struct alignas(16) Wide {
  uint64_t parts[2];
};

// kBytes to 2 kBytes bytes: both ends, which may overlap.
template <size_t kBytes>
CKERAS_INLINE void copy_ends(void* dst, const void* src, size_t bytes) {
  char first[kBytes], last[kBytes];
  std::memcpy(first, src, kBytes);
  std::memcpy(last, static_cast<const char*>(src) + bytes - kBytes, kBytes);
  std::memcpy(dst, first, kBytes);
  std::memcpy(static_cast<char*>(dst) + bytes - kBytes, last, kBytes);
}

// One byte or more.
CKERAS_INLINE void copy_bytes(void* dst, const void* src, size_t bytes) {
  if (bytes > 128) return static_cast<void>(std::memcpy(dst, src, bytes));
  if (bytes >= 64) return copy_ends<64>(dst, src, bytes);
  if (bytes > 32) return copy_ends<32>(dst, src, bytes);
  if (bytes >= 16) return copy_ends<16>(dst, src, bytes);
  if (bytes >= 8) return copy_ends<8>(dst, src, bytes);
  if (bytes >= 4) return copy_ends<4>(dst, src, bytes);
  if (bytes >= 2) return copy_ends<2>(dst, src, bytes);
  *static_cast<char*>(dst) = *static_cast<const char*>(src);
}

}  // namespace ckeras::move
