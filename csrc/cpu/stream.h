// Stores past the caches, of results too large to stay in them: memory is written without being read before. Elsewhere
// than on x86-64 they are plain ones.
#pragma once
#include <cstddef>
#include <cstdint>
#include <cstring>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace ckeras::cpu {

inline constexpr int64_t kStreamBytes = int64_t{8} << 20;  // smaller results are read again from the cache

// A multiple of 16 bytes; dst is one too.
inline void stream_bytes(void* dst, const void* src, size_t bytes) {
#ifdef __SSE2__
  auto* to = static_cast<__m128i*>(dst);
  const auto* from = static_cast<const __m128i*>(src);
  for (size_t i = 0; i < bytes / 16; ++i) _mm_stream_si128(to + i, _mm_loadu_si128(from + i));
#else
  std::memcpy(dst, src, bytes);
#endif
}
// Before another thread may read what was streamed.
inline void end_stream() {
#ifdef __SSE2__
  _mm_sfence();
#endif
}

}  // namespace ckeras::cpu
