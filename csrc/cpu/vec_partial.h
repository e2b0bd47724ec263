// Loads and stores of the first n lanes where no instruction does it. Part of cpu/vec.h.
#pragma once
#include "cpu/vec_mask.h"

namespace ckeras::CKERAS_ISA {

template <class T, int N>
CKERAS_INLINE Raw<T, N> load_first(const T* p, int64_t n) {
  Raw<T, N> v = {};
  for (int i = 0; i < N; ++i) {
    if (i < n) v[i] = p[i];
  }
  return v;
}
template <class T, class V>
CKERAS_INLINE void store_first(T* p, V v, int64_t n) {
  for (int i = 0; i < static_cast<int>(sizeof(V) / sizeof(T)); ++i) {
    if (i < n) p[i] = v[i];
  }
}

}  // namespace ckeras::CKERAS_ISA
