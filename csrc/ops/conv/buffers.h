// Buffers that pieces of work share. Only for .isa.cpp files.
#pragma once
#include <cstdint>

#include "base/inline.h"

namespace ckeras::CKERAS_ISA {

// Buffers for pieces of work that are not more than there are buffers: each takes the lowest free one, so few threads
// use few of them.
struct Buffers {
  uint64_t* free;

  CKERAS_MEMBER void open(int64_t count) const { *free = count >= 64 ? ~uint64_t{0} : (uint64_t{1} << count) - 1; }
  CKERAS_MEMBER int take() const {
    uint64_t seen = __atomic_load_n(free, __ATOMIC_RELAXED);
    while (!__atomic_compare_exchange_n(free, &seen, seen & (seen - 1), false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
    }
    return __builtin_ctzll(seen);
  }
  CKERAS_MEMBER void give(int number) const { __atomic_fetch_or(free, uint64_t{1} << number, __ATOMIC_RELEASE); }
};

}  // namespace ckeras::CKERAS_ISA
