// Variables in pieces of work none of which crosses two of them, and sums over these. Only for .isa.cpp files.
#pragma once
#include "cpu/ordered_sum.h"
#include "cpu/parallel.h"
#include "ops/storage.h"
#include "runtime/kernel.h"

namespace ckeras::CKERAS_ISA {
namespace {

constexpr int64_t kCut = 4 * kSumChunk;  // elements of a piece, about

// step(variable, piece of it, piece of all) for all pieces of `count` variables; pieces(variable) says how many one
// has, `elements` how many numbers all have.
template <class Pieces, class Step>
void for_cuts(int count, int64_t elements, const Pieces& pieces, const Step& step) {
  int64_t total = 0;
  for (int i = 0; i < count; ++i) total += pieces(i);
  const int64_t grain = at_least_one(total * kCut / at_least_one(elements));
  parallel_for(total, grain, [&](int64_t begin, int64_t end) {
    int64_t first = 0;
    for (int i = 0; i < count && first < end; ++i) {
      const int64_t mine = pieces(i);
      for (int64_t p = begin > first ? begin - first : 0; p < least(mine, end - first); ++p) step(i, p, first + p);
      first += mine;
    }
  });
}

// The sum of at(i, how many are left) over i in [0, n), in chunks as a row's. S: of ops/storage.h.
template <class S, class At>
double sum_of(int64_t n, const At& at) {
  using V = typename S::V;
  using T = typename S::T;
  double total = 0;
  for (int64_t first = 0; first < n; first += kSumChunk) {
    struct {
      const At& at;
      int64_t first;
      CKERAS_MEMBER V operator()(int64_t i) const { return at(first + i, V::kLanes); }
      CKERAS_MEMBER V operator()(int64_t i, int64_t left) const { return at(first + i, left); }
    } of{at, first};
    ChunkFold<SumFold<T>, T> fold;
    fold.add(least(kSumChunk, n - first), of);
    total += static_cast<double>(fold.result());
  }
  return total;
}

inline double scalar_of(const View& view) {
  double x = 0;
  with_storage(view.dtype, [&](auto s) { x = s.get(*view.as<const typename decltype(s)::Element>()); });
  return x;
}

}  // namespace
}  // namespace ckeras::CKERAS_ISA
