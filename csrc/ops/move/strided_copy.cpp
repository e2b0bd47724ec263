#include "ops/move/strided_copy.h"

#include <algorithm>
#include <cstring>

#include "cpu/parallel.h"

namespace ckeras::move {
namespace {

constexpr int64_t kPiece = 1 << 15;  // elements a piece of parallel work moves, about
constexpr int64_t kTile = 16;        // a transposing tile: at least a cache line each way for 4-byte elements

// body(destination offset, source offset) for each index of the outer dimensions in [begin, end).
template <class Body>
void walk(const Dim* dims, int rank, int64_t begin, int64_t end, const Body& body) {
  int64_t index[kMaxRank], dst = 0, src = 0, rest = begin;
  for (int d = rank - 1; d >= 0; --d) {
    index[d] = rest % dims[d].n;
    rest /= dims[d].n;
    dst += index[d] * dims[d].dst;
    src += index[d] * dims[d].src;
  }
  for (int64_t i = begin; i < end; ++i) {
    body(dst, src);
    for (int d = rank - 1; d >= 0; --d) {
      dst += dims[d].dst;
      src += dims[d].src;
      if (++index[d] < dims[d].n) break;
      dst -= dims[d].n * dims[d].dst;
      src -= dims[d].n * dims[d].src;
      index[d] = 0;
    }
  }
}

template <class T>
void copy_run(T* dst, const T* src, Dim inner) {
  if (inner.dst == 1 && inner.src == 1) {
    if (inner.n < 16) {
      for (int64_t i = 0; i < inner.n; ++i) dst[i] = src[i];
    } else {
      std::memcpy(dst, src, inner.n * sizeof(T));
    }
  } else if (inner.dst == 1 && inner.src == 0) {
    std::fill_n(dst, inner.n, *src);
  } else {
    for (int64_t i = 0; i < inner.n; ++i) dst[i * inner.dst] = src[i * inner.src];
  }
}

// The innermost dimension is cut so that a long one is shared by threads too.
template <class T>
void copy_rows(T* dst, const T* src, const Plan& plan) {
  const Dim inner = plan.dims[plan.rank - 1];
  const int64_t length = std::min(inner.n, kPiece);
  const int64_t cuts = (inner.n + length - 1) / length;
  int64_t outer = 1;
  for (int d = 0; d < plan.rank - 1; ++d) outer *= plan.dims[d].n;
  if (cuts > 1) {
    cpu::parallel_for(outer * cuts, 1, [&](int64_t begin, int64_t end) {
      for (int64_t item = begin; item < end; ++item) {
        const int64_t first = item % cuts * length;
        walk(plan.dims, plan.rank - 1, item / cuts, item / cuts + 1, [&](int64_t to, int64_t from) {
          copy_run(dst + to + first * inner.dst, src + from + first * inner.src,
                   {std::min(length, inner.n - first), inner.dst, inner.src});
        });
      }
    });
    return;
  }
  cpu::parallel_for(outer, std::max<int64_t>(1, kPiece / inner.n), [&](int64_t begin, int64_t end) {
    walk(plan.dims, plan.rank - 1, begin, end,
         [&](int64_t to, int64_t from) { copy_run(dst + to, src + from, inner); });
  });
}

// A whole tile, dst[j * dst_step + i] = src[i * src_step + j]: each line of the source is read once and whole, so lines
// that the cache would keep in one place do not drive each other out.
template <class T>
void copy_tile(T* dst, int64_t dst_step, const T* src, int64_t src_step) {
  T lines[kTile][kTile];
  for (int64_t i = 0; i < kTile; ++i) std::memcpy(lines[i], src + i * src_step, sizeof(lines[i]));
  for (int64_t j = 0; j < kTile; ++j) {
    T column[kTile];
    for (int64_t i = 0; i < kTile; ++i) column[i] = lines[i][j];
    std::memcpy(dst + j * dst_step, column, sizeof(column));
  }
}

// Dimension `k` is contiguous in the source and `inner` in the destination: tiles, so that both stay in the cache.
template <class T>
void copy_tiles(T* dst, const T* src, const Plan& plan, int k) {
  const Dim across = plan.dims[k], inner = plan.dims[plan.rank - 1];
  Dim outer[kMaxRank + 1];
  int rank = 0;
  int64_t items = 1;
  for (int d = 0; d < plan.rank - 1; ++d) {
    if (d != k) outer[rank++] = plan.dims[d];
  }
  const int64_t strips = (across.n + kTile - 1) / kTile;
  outer[rank++] = {strips, kTile * across.dst, kTile * across.src};
  for (int d = 0; d < rank; ++d) items *= outer[d].n;
  const int64_t grain = std::max<int64_t>(1, kPiece / (kTile * inner.n));
  cpu::parallel_for(items, grain, [&](int64_t begin, int64_t end) {
    int64_t item = begin;
    walk(outer, rank, begin, end, [&](int64_t to, int64_t from) {
      const int64_t width = std::min(kTile, across.n - item++ % strips * kTile);
      for (int64_t first = 0; first < inner.n; first += kTile) {
        const int64_t last = std::min(first + kTile, inner.n);
        if (width == kTile && last == first + kTile && inner.dst == 1) {
          copy_tile(dst + to + first, across.dst, src + from + first * inner.src, inner.src);
          continue;
        }
        for (int64_t j = 0; j < width; ++j) {
          for (int64_t i = first; i < last; ++i) {
            dst[to + j * across.dst + i * inner.dst] = src[from + j * across.src + i * inner.src];
          }
        }
      }
    });
  });
}

template <class T>
void copy(T* dst, const T* src, const Plan& plan) {
  const Dim inner = plan.dims[plan.rank - 1];
  if (inner.src != 1 && inner.src != 0 && inner.n > 1) {
    for (int k = 0; k < plan.rank - 1; ++k) {
      if (plan.dims[k].src == 1) return copy_tiles(dst, src, plan, k);
    }
  }
  copy_rows(dst, src, plan);
}

// f with the unsigned integer of that many bytes.
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

}  // namespace

void strided_copy(void* dst, const void* src, int64_t itemsize, const Dim* dims, int rank) noexcept {
  Plan plan;
  if (!simplify(dims, rank, &plan)) return;
  with_size(itemsize,
            [&](auto t) { copy(static_cast<decltype(t)*>(dst), static_cast<const decltype(t)*>(src), plan); });
}

void copy_input(const Call& call, int which, const Copy& copy) noexcept {
  const View &x = call.in[which], &y = call.out[0];
  const int64_t itemsize = size_of(y.dtype);
  strided_copy(y.as<char>() + copy.dst * itemsize, x.as<const char>() + copy.src * itemsize, itemsize, copy.dims,
               copy.rank);
}

void fill(void* dst, const void* value, int64_t itemsize, int64_t n) noexcept {
  const Dim dim = {n, 1, 0};
  strided_copy(dst, value, itemsize, &dim, 1);
}

}  // namespace ckeras::move
