// Stores of vectors past the caches: memory that no cache will keep is written without being read before. Only for
// .isa.cpp files. Elsewhere than on x86-64 they are plain ones.
#pragma once
#include "cpu/vec.h"

namespace ckeras::CKERAS_ISA {

#if defined(CKERAS_ISA_AVX512)
inline constexpr bool kStreams = true;
template <class T, int N>
CKERAS_INLINE void stream(Reg<T, N> v, T* p) {
  _mm512_stream_si512(reinterpret_cast<__m512i*>(p), (__m512i)v.r);
}
#elif defined(CKERAS_ISA_AVX2)
inline constexpr bool kStreams = true;
template <class T, int N>
CKERAS_INLINE void stream(Reg<T, N> v, T* p) {
  _mm256_stream_si256(reinterpret_cast<__m256i*>(p), (__m256i)v.r);
}
#else
inline constexpr bool kStreams = false;
template <class T, int N>
CKERAS_INLINE void stream(Reg<T, N> v, T* p) {
  v.store(p);
}
#endif
// v to p, which is a multiple of 64 bytes.
template <class H>
CKERAS_INLINE void stream(Pair<H> v, typename H::Lane* p) {
  stream(v.lo, p);
  stream(v.hi, p + H::kLanes);
}

// Before another thread may read what was streamed.
CKERAS_INLINE void end_stream() {
#if defined(CKERAS_ISA_AVX512) || defined(CKERAS_ISA_AVX2)
  _mm_sfence();
#endif
}

// Smaller results are read from the cache, as cpu/stream.h has it; so are those that fit it with what they are made of.
inline constexpr int64_t kStreamBytes = int64_t{8} << 20, kStreamBytesInAll = int64_t{12} << 20;

// Whether `elements` results, rows of `row` of them, go past the caches: many, and in whole lines. They are made of
// `read` elements.
template <class T>
CKERAS_INLINE bool streams(const T* to, int64_t elements, int64_t read, int64_t row) {
  constexpr int64_t kSize = sizeof(T);
  return kStreams && elements * kSize >= kStreamBytes && (elements + read) * kSize >= kStreamBytesInAll &&
         row * kSize % 64 == 0 && reinterpret_cast<uintptr_t>(to) % 64 == 0;
}

}  // namespace ckeras::CKERAS_ISA
