#include "ops/move/strided_copy.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "base/with_size.h"
#include "cpu/parallel.h"
#include "ops/move/bytes.h"
#include "ops/move/turn.h"

namespace ckeras::move {
namespace {

constexpr int64_t kPiece = 1 << 15;  // elements a piece of parallel work moves, about
constexpr int64_t kStrip = 16;       // short runs that are read one after the other
constexpr int64_t kShortRun = 128;   // bytes: shorter ones leave parts of lines that were fetched
constexpr size_t kBlockBytes = 512;  // of their neighbours in the destination, at most
constexpr int64_t kNarrow = 512;     // what is turned over of a long dimension beside a short one
constexpr int kFewTimes = 8;         // a run of equal elements is short
constexpr size_t kLine = 32;         // bytes that are filled at once, where the processor can

// body(destination offset, source offset, count) for the indices of the outer dimensions in [begin, end): as many
// neighbours along the last of them at once as there are.
template <class Body>
void walk_lines(const Dim* dims, int rank, int64_t begin, int64_t end, const Body& body) {
  int64_t index[kMaxRank], dst = 0, src = 0, rest = begin;
  for (int d = rank - 1; d >= 0; --d) {
    index[d] = rest % dims[d].n;
    rest /= dims[d].n;
    dst += index[d] * dims[d].dst;
    src += index[d] * dims[d].src;
  }
  const Dim last = rank > 0 ? dims[rank - 1] : Dim{1, 0, 0};
  for (int64_t i = begin; i < end;) {  // along the last dimension to its end
    const int64_t n = std::min(end - i, rank > 0 ? last.n - index[rank - 1] : 1);
    body(dst, src, n);
    dst += n * last.dst;
    src += n * last.src;
    if ((i += n) == end) return;
    dst -= last.n * last.dst;
    src -= last.n * last.src;
    index[rank - 1] = 0;
    for (int d = rank - 2; d >= 0; --d) {
      dst += dims[d].dst;
      src += dims[d].src;
      if (++index[d] < dims[d].n) break;
      dst -= dims[d].n * dims[d].dst;
      src -= dims[d].n * dims[d].src;
      index[d] = 0;
    }
  }
}

// body(destination offset, source offset) for each of them.
template <class Body>
void walk(const Dim* dims, int rank, int64_t begin, int64_t end, const Body& body) {
  const Dim last = rank > 0 ? dims[rank - 1] : Dim{1, 0, 0};
  walk_lines(dims, rank, begin, end, [&](int64_t dst, int64_t src, int64_t n) {
    for (int64_t i = 0; i < n; ++i) body(dst + i * last.dst, src + i * last.src);
  });
}

// n lines of kLine bytes, all as `line`.
CKERAS_INLINE void fill_each(char* dst, const char* line, int64_t n) {
  typedef char Line __attribute__((vector_size(kLine)));
  Line all;
  std::memcpy(&all, line, kLine);
  for (int64_t i = 0; i < n; ++i) std::memcpy(dst + i * static_cast<int64_t>(kLine), &all, kLine);
}
#ifdef __x86_64__
__attribute__((target("avx2"))) void fill_wide(char* dst, const char* line, int64_t n) { fill_each(dst, line, n); }
#endif
void fill_lines(char* dst, const char* line, int64_t n) {
#ifdef __x86_64__
  if (__builtin_cpu_supports("avx2")) return fill_wide(dst, line, n);
#endif
  fill_each(dst, line, n);
}

template <class T>
void fill_run(T* dst, T value, int64_t n) {
  constexpr int64_t kCount = kLine / sizeof(T);
  constexpr int64_t kHalf = kCount / 2;
  if (n < kHalf) return static_cast<void>(std::fill_n(dst, n, value));
  T line[kCount];
  std::fill_n(line, kCount, value);
  if (n < 4 * kCount) {  // the last one overlaps
    for (int64_t i = 0; i + kHalf <= n; i += kHalf) std::memcpy(dst + i, line, kLine / 2);
    return static_cast<void>(std::memcpy(dst + n - kHalf, line, kLine / 2));
  }
  fill_lines(reinterpret_cast<char*>(dst), reinterpret_cast<const char*>(line), n / kCount);
  std::memcpy(dst + n - kCount, line, kLine);
}

// dst[i] = src[-i], whole lines of kBytes; gives how many elements they have.
template <size_t kBytes, class T>
CKERAS_INLINE int64_t reverse_lines(T* dst, const T* src, int64_t n) {
  constexpr int64_t kLanes = kBytes / sizeof(T);
  int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) reverse_line<T, kBytes>(dst + i, src - i - (kLanes - 1));
  return i;
}
#ifdef __x86_64__
template <class T>
__attribute__((target("avx2"))) int64_t reverse_wide(T* dst, const T* src, int64_t n) {
  return reverse_lines<32>(dst, src, n);
}
#endif

// dst[i] = src[-i].
template <class T>
void reverse_run(T* dst, const T* src, int64_t n) {
  int64_t i = 0;
  if constexpr (sizeof(T) < sizeof(Wide)) {
#ifdef __x86_64__
    if (__builtin_cpu_supports("avx2")) i = reverse_wide(dst, src, n);
#endif
    i += reverse_lines<16>(dst + i, src - i, n - i);
  }
  for (; i < n; ++i) dst[i] = src[-i];
}

template <class T>
void copy_run(T* dst, const T* src, Dim inner) {
  if (inner.dst == 1 && inner.src == 1) {
    copy_bytes(dst, src, static_cast<size_t>(inner.n) * sizeof(T));
  } else if (inner.dst == 1 && inner.src == 0) {
    fill_run(dst, *src, inner.n);
  } else if (inner.dst == 1 && inner.src == -1) {
    reverse_run(dst, src, inner.n);
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

// n runs of `run` bytes, at most kWide, neighbours in the destination and `step` bytes apart in the source, which ends
// at `end`: each is moved as kWide bytes, of which the next one overwrites what is too much.
template <size_t kWide>
void copy_line(char* dst, const char* src, int64_t n, int64_t run, int64_t step, const char* end) {
  const char* const last = dst + n * run - kWide;
  for (int64_t i = 0; i < n; ++i, dst += run, src += step) {
    if (dst <= last && static_cast<size_t>(end - src) >= kWide) {
      char wide[kWide];
      std::memcpy(wide, src, kWide);
      std::memcpy(dst, wide, kWide);
    } else {
      copy_bytes(dst, src, static_cast<size_t>(run));
    }
  }
}

// Each of n elements, `step` apart, kTimes.
template <int kTimes, class T, class Step>
void repeat_line(T* dst, const T* src, int64_t n, Step step) {
  for (int64_t i = 0; i < n; ++i, dst += kTimes) {
    const T value = src[i * step];
    for (int k = 0; k < kTimes; ++k) dst[k] = value;
  }
}
// The same for 2 to kFewTimes.
template <class T, int kTimes = 2>
void repeat_each(T* dst, const T* src, int64_t n, int64_t step, int64_t times) {
  if constexpr (kTimes < kFewTimes) {
    if (times > kTimes) return repeat_each<T, kTimes + 1>(dst, src, n, step, times);
  }
  if (step == 1) {
    repeat_line<kTimes>(dst, src, n, std::integral_constant<int64_t, 1>{});
  } else {
    repeat_line<kTimes>(dst, src, n, step);
  }
}

// Runs of few equal elements, neighbours in the destination.
template <class T>
void copy_repeats(T* dst, const T* src, const Plan& plan) {
  const int rank = plan.rank - 1;
  const int64_t times = plan.dims[rank].n, step = plan.dims[rank - 1].src;
  int64_t outer = 1;
  for (int d = 0; d < rank; ++d) outer *= plan.dims[d].n;
  cpu::parallel_for(outer, kPiece / times, [&](int64_t begin, int64_t end) {
    walk_lines(plan.dims, rank, begin, end,
               [&](int64_t to, int64_t from, int64_t count) { repeat_each(dst + to, src + from, count, step, times); });
  });
}

template <class T>
void copy_lines(T* dst, const T* src, const Plan& plan) {
  constexpr int64_t kSize = sizeof(T);
  const int rank = plan.rank - 1;
  const int64_t n = plan.dims[rank].n, step = plan.dims[rank - 1].src * kSize;
  int64_t outer = 1, last = n;
  for (int d = 0; d < rank; ++d) {
    outer *= plan.dims[d].n;
    last += std::max<int64_t>(0, (plan.dims[d].n - 1) * plan.dims[d].src);
  }
  const auto bytes = [](auto* p) { return reinterpret_cast<char*>(p); };
  const auto source = [](const T* p) { return reinterpret_cast<const char*>(p); };
  cpu::parallel_for(outer, std::max<int64_t>(1, kPiece / n), [&](int64_t begin, int64_t end) {
    walk_lines(plan.dims, rank, begin, end, [&](int64_t to, int64_t from, int64_t count) {
      (n * kSize <= 16 ? copy_line<16> : copy_line<32>)(bytes(dst + to), source(src + from), count, n * kSize, step,
                                                        source(src + last));
    });
  });
}

// Runs of which neighbours in the source are closer together than those in the destination: they are read in the order
// of the source, when that makes fewer places where is written than there are else places where is read.
void order_runs(Plan* plan) {
  const int last = plan->rank - 2;
  int closest = last;
  for (int d = 0; d < last; ++d) {
    if (plan->dims[d].src == plan->dims[last + 1].n && plan->dims[d].n < plan->dims[last].n) closest = d;
  }
  std::rotate(plan->dims + closest, plan->dims + closest + 1, plan->dims + last + 1);
}

// Dimension `k` is contiguous in the source and the last one in the destination: blocks, so that lines of both are
// whole. Where one of the two is short, the other is cut into pieces that stay in the cache.
template <class T>
void copy_blocks(T* dst, const T* src, const Plan& plan, int k) {
  constexpr int64_t kSide = kBlockSide<T>;
  const Dim across = plan.dims[k], inner = plan.dims[plan.rank - 1];
  const bool narrow = across.n < Square<T>::kLanes || inner.n < Square<T>::kLanes || inner.dst != 1;
  const int64_t wide = narrow ? kNarrow : kSide;
  const bool streamed = !narrow && across.n * inner.n * static_cast<int64_t>(sizeof(T)) >= cpu::kStreamBytes;
  const int64_t strips = (across.n + wide - 1) / wide, blocks = (inner.n + wide - 1) / wide;
  Dim outer[kMaxRank];
  int rank = 0;
  int64_t items = 1;
  for (int d = 0; d < plan.rank - 1; ++d) {
    if (d != k) outer[rank++] = plan.dims[d];
  }
  if (strips > 1) outer[rank++] = {strips, wide * across.dst, wide * across.src};
  if (blocks > 1) outer[rank++] = {blocks, wide * inner.dst, wide * inner.src};
  for (int d = 0; d < rank; ++d) items *= outer[d].n;
  const int64_t grain = std::max<int64_t>(1, kPiece / (std::min(wide, across.n) * std::min(wide, inner.n)));
  cpu::parallel_for(items, grain, [&](int64_t begin, int64_t end) {
    int64_t item = begin;
    walk(outer, rank, begin, end, [&](int64_t to, int64_t from) {
      const int64_t columns = std::min(wide, across.n - item / blocks % strips * wide);
      const int64_t rows = std::min(wide, inner.n - item % blocks * wide);
      ++item;
      if (!narrow) {
        turn_block(dst + to, across.dst, src + from, inner.src, rows, columns, streamed);
      } else if (across.n < inner.n) {
        for (int64_t j = 0; j < columns; ++j) {
          copy_run(dst + to + j * across.dst, src + from + j * across.src, {rows, inner.dst, inner.src});
        }
      } else {
        for (int64_t i = 0; i < rows; ++i) {
          copy_run(dst + to + i * inner.dst, src + from + i * inner.src, {columns, across.dst, across.src});
        }
      }
    });
    if (streamed) cpu::end_stream();
  });
}

// Short runs, of which those along dimension `k` are the closest in the source, and those along the last but one
// neighbours in the destination: blocks of them through a buffer, so that lines of both are read and written once.
template <class T>
void copy_runs(T* dst, const T* src, const Plan& plan, int k) {
  const Dim across = plan.dims[k], along = plan.dims[plan.rank - 2], inner = plan.dims[plan.rank - 1];
  const size_t run = static_cast<size_t>(inner.n) * sizeof(T);
  const int64_t length = static_cast<int64_t>(kBlockBytes / run);
  const int64_t strips = (across.n + kStrip - 1) / kStrip, blocks = (along.n + length - 1) / length;
  Dim outer[kMaxRank];
  int rank = 0;
  int64_t items = 1;
  for (int d = 0; d < plan.rank - 2; ++d) {
    if (d != k) outer[rank++] = plan.dims[d];
  }
  outer[rank++] = {strips, kStrip * across.dst, kStrip * across.src};
  outer[rank++] = {blocks, length * along.dst, length * along.src};
  for (int d = 0; d < rank; ++d) items *= outer[d].n;
  const int64_t cost = std::min(kStrip, across.n) * std::min(length, along.n) * inner.n;
  cpu::parallel_for(items, std::max<int64_t>(1, kPiece / cost), [&](int64_t begin, int64_t end) {
    int64_t item = begin;
    walk(outer, rank, begin, end, [&](int64_t to, int64_t from) {
      char buffer[kStrip][kBlockBytes];
      const int64_t width = std::min(kStrip, across.n - item / blocks % strips * kStrip);
      const int64_t count = std::min(length, along.n - item % blocks * length);
      ++item;
      for (int64_t i = 0; i < count; ++i) {
        const T* line = src + from + i * along.src;
        for (int64_t j = 0; j < width; ++j) {
          copy_bytes(buffer[j] + static_cast<size_t>(i) * run, line + j * across.src, run);
        }
      }
      for (int64_t j = 0; j < width; ++j) {
        std::memcpy(dst + to + j * across.dst, buffer[j], static_cast<size_t>(count) * run);
      }
    });
  });
}

template <class T>
void copy(T* dst, const T* src, Plan& plan) {
  const Dim inner = plan.dims[plan.rank - 1];
  const int64_t run = inner.n * static_cast<int64_t>(sizeof(T));
  if (inner.src == 1 && inner.dst == 1 && plan.rank > 1) {
    const bool neighbours = plan.dims[plan.rank - 2].dst == inner.n;
    if (neighbours && run < kShortRun) {
      for (int k = 0; k < plan.rank - 2; ++k) {
        if (plan.dims[k].src == inner.n) return copy_runs(dst, src, plan, k);
      }
    }
    if (neighbours && run <= 32) return copy_lines(dst, src, plan);
    if (run >= kShortRun) order_runs(&plan);
  }
  if (inner.src == 0 && inner.dst == 1 && inner.n <= kFewTimes && plan.rank > 1 &&
      plan.dims[plan.rank - 2].dst == inner.n) {
    return copy_repeats(dst, src, plan);
  }
  if (inner.src != 1 && inner.src != 0 && inner.n > 1) {
    for (int k = 0; k < plan.rank - 1; ++k) {
      if (plan.dims[k].src == 1) return copy_blocks(dst, src, plan, k);
    }
  }
  copy_rows(dst, src, plan);
}

// Short runs become single, wider elements, where every step and both addresses allow it: then they can be turned over.
void widen(Plan* plan, int64_t* itemsize, const void* dst, const void* src) {
  const Dim inner = plan->dims[plan->rank - 1];
  const int64_t run = inner.n * *itemsize;
  const auto addresses = reinterpret_cast<uintptr_t>(dst) | reinterpret_cast<uintptr_t>(src);
  if (inner.dst != 1 || inner.src != 1 || plan->rank == 1 || run > 16 || (run & (run - 1)) != 0) return;
  if (addresses % static_cast<uintptr_t>(run) != 0) return;
  for (int d = 0; d < plan->rank - 1; ++d) {
    if (plan->dims[d].dst % inner.n != 0 || plan->dims[d].src % inner.n != 0) return;
  }
  --plan->rank;
  for (int d = 0; d < plan->rank; ++d) {
    plan->dims[d].dst /= inner.n;
    plan->dims[d].src /= inner.n;
  }
  *itemsize = run;
}

}  // namespace

void strided_copy(void* dst, const void* src, int64_t itemsize, const Dim* dims, int rank) noexcept {
  Plan plan;
  if (!simplify(dims, rank, &plan)) return;
  widen(&plan, &itemsize, dst, src);
  const auto run = [&](auto t) { copy(static_cast<decltype(t)*>(dst), static_cast<const decltype(t)*>(src), plan); };
  itemsize == sizeof(Wide) ? run(Wide{}) : with_size(itemsize, run);
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
