// A contiguous row-major array as a kernel sees it. Included by .isa.cpp files: only CKERAS_INLINE code here.
#pragma once
#include <cstdint>

#include "base/dtype.h"

namespace ckeras {

inline constexpr int kMaxRank = 12;

struct View {
  void* data;
  int64_t shape[kMaxRank];
  int32_t rank;
  DType dtype;

  CKERAS_MEMBER int64_t size() const {
    int64_t n = 1;
    for (int i = 0; i < rank; ++i) n *= shape[i];
    return n;
  }
  CKERAS_MEMBER int64_t nbytes() const { return size() * size_of(dtype); }
  template <class T>
  CKERAS_MEMBER T* as() const {
    return static_cast<T*>(data);
  }
};

}  // namespace ckeras
