// The compiler's own vector types, one hardware register each, and what every instruction set shares about them.
// Part of cpu/vec.h; include that.
#pragma once
#include <cstdint>

#include "base/inline.h"

// Before a loop: no iteration reads what another one writes; and, unroll a loop of constant length.
#if defined(__clang__)
#define CKERAS_INDEPENDENT  // its pragma warns where a loop cannot be vectorized; a check at run time does as well
#define CKERAS_UNROLL _Pragma("clang loop unroll(full)")
#else
#define CKERAS_INDEPENDENT _Pragma("GCC ivdep")
#define CKERAS_UNROLL _Pragma("GCC unroll 32")
#endif

namespace ckeras::CKERAS_ISA {

template <class T, int N>
struct RawType {
  typedef T type __attribute__((vector_size(sizeof(T) * N)));
};
template <class T, int N>
using Raw = typename RawType<T, N>::type;

// The integer types as wide as T: signed for bit patterns and masks, unsigned for arithmetic that wraps.
template <int W>
struct Bits;
template <>
struct Bits<4> {
  using Int = int32_t;
  using Uint = uint32_t;
};
template <>
struct Bits<8> {
  using Int = int64_t;
  using Uint = uint64_t;
};
template <class T>
using IntOf = typename Bits<sizeof(T)>::Int;
template <class T>
using UintOf = typename Bits<sizeof(T)>::Uint;

template <class T>
inline constexpr bool kIsFloat = static_cast<T>(0.5) != static_cast<T>(0);

template <int... I>
struct Indices {};
template <int N, int... I>
struct MakeIndices : MakeIndices<N - 1, N - 1, I...> {};
template <int... I>
struct MakeIndices<0, I...> {
  using type = Indices<I...>;
};
template <int N>
using IndicesTo = typename MakeIndices<N>::type;

// A register at any address of T: unaligned, and allowed to alias.
template <class T, int N>
CKERAS_INLINE Raw<T, N> load_raw(const T* p) {
  Raw<T, N> v;
  __builtin_memcpy(&v, p, sizeof v);
  return v;
}
template <class T, class V>
CKERAS_INLINE void store_raw(T* p, V v) {
  __builtin_memcpy(p, &v, sizeof v);
}

template <int H, int N, class V, int... I>
CKERAS_INLINE V rotate_raw(V v, Indices<I...>) {
  return __builtin_shufflevector(v, v, ((I + H) % N)...);
}

}  // namespace ckeras::CKERAS_ISA
