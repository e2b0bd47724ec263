#include "ops/gather/gather.h"

#include <algorithm>
#include <atomic>

#include "base/with_size.h"
#include "cpu/parallel.h"
#include "cpu/stream.h"
#include "ops/move/bytes.h"

namespace ckeras::portable {
namespace {

constexpr int64_t kPieceBytes = 1 << 16;
constexpr int64_t kFew = 64;           // indices that are resolved once for all rows
constexpr int64_t kChecked = 1 << 16;  // indices that one thread checks

// [outer, count] runs of a piece, in parallel: body(o, j, end) for the runs [j, end) of row o.
template <class Body>
void gather_rows(const GatherShape& s, int64_t run, const Body& body) {
  const int64_t grain = std::max<int64_t>(1, kPieceBytes / std::max<int64_t>(run, 8));
  cpu::parallel_for(s.outer * s.count, grain, [&](int64_t begin, int64_t end) {
    int64_t o = begin / s.count, j = begin % s.count;
    for (int64_t left = end - begin; left > 0; ++o, j = 0) {
      const int64_t stop = std::min(s.count, j + left);
      body(o, j, stop);
      left -= stop - j;
    }
  });
}

// The same few elements of each of many rows.
template <class I, class T>
void gather_few(const T* x, const I* indices, T* y, const GatherShape& s) {
  int64_t places[kFew];
  for (int64_t j = 0; j < s.count; ++j) places[j] = indices[j] + (indices[j] < 0 ? s.size : 0);
  const int64_t grain = kPieceBytes / (s.count * static_cast<int64_t>(sizeof(T)));
  cpu::parallel_for(s.outer, grain, [&, count = s.count, size = s.size](int64_t begin, int64_t end) {
    const T* from = x + begin * size;
    T* to = y + begin * count;
    for (int64_t o = begin; o < end; ++o, from += size, to += count) {
      for (int64_t j = 0; j < count; ++j) to[j] = from[places[j]];
    }
  });
}

template <class I, class T>
void gather_elements(const T* x, const I* indices, T* y, const GatherShape& s) {
  if (s.count <= kFew && s.outer > 1) return gather_few(x, indices, y, s);
  constexpr int64_t kBlock = 4096 / static_cast<int64_t>(sizeof(T));
  const auto place = [&](int64_t j) { return indices[j] + (indices[j] < 0 ? s.size : 0); };
  const int64_t size = static_cast<int64_t>(sizeof(T));
  const bool streamed = s.outer * s.count * size >= cpu::kStreamBytes && s.count * size % 16 == 0;
  gather_rows(s, size, [&](int64_t o, int64_t j, int64_t end) {
    const T* from = x + o * s.size;
    T* to = y + o * s.count;
    if (!streamed) {
      for (; j < end; ++j) to[j] = from[place(j)];
      return;
    }
    alignas(64) T block[kBlock];
    for (; j < end; j += kBlock) {
      const int64_t n = std::min(kBlock, end - j);
      for (int64_t k = 0; k < n; ++k) block[k] = from[place(j + k)];
      cpu::stream_bytes(to + j, block, static_cast<size_t>(n * size));
    }
    cpu::end_stream();
  });
}

template <class I>
void gather_runs(const char* x, const I* indices, char* y, const GatherShape& s, int64_t run) {
  const auto bytes = static_cast<size_t>(run);
  gather_rows(s, run, [&, bytes](int64_t o, int64_t j, int64_t end) {
    const char* const from = x + o * s.size * run;
    char* to = y + (o * s.count + j) * run;
    for (; j < end; ++j, to += bytes) {
      move::copy_bytes(to, from + (indices[j] + (indices[j] < 0 ? s.size : 0)) * static_cast<int64_t>(bytes), bytes);
    }
  });
}

// Every element of [outer, count, inner] has an index.
template <class I, class T>
void gather_along(const T* x, const I* indices, T* y, const GatherShape& s) {
  gather_rows(s, s.inner * static_cast<int64_t>(sizeof(T)), [&](int64_t o, int64_t j, int64_t end) {
    const int64_t size = s.size, inner = s.inner;
    const T* from = x + o * size * inner;
    const I* p = indices + (o * s.count + j) * inner;
    T* to = y + (o * s.count + j) * inner;
    if (inner == 1) {
      for (int64_t i = 0; i < end - j; ++i) to[i] = from[p[i] + (p[i] < 0 ? size : 0)];
      return;
    }
    for (; j < end; ++j, p += inner, to += inner) {
      for (int64_t i = 0; i < inner; ++i) to[i] = from[(p[i] + (p[i] < 0 ? size : 0)) * inner + i];
    }
  });
}

template <class I>
void gather_by(const Call& call, const GatherShape& s) {
  const View &x = call.in[0], &y = call.out[0];
  const I* indices = call.in[1].as<const I>();
  if (s.along) {
    return with_size(size_of(x.dtype), [&](auto t) {
      using T = decltype(t);
      gather_along(x.as<const T>(), indices, y.as<T>(), s);
    });
  }
  const int64_t run = s.inner * size_of(x.dtype);
  const auto places = reinterpret_cast<uintptr_t>(x.data) | reinterpret_cast<uintptr_t>(y.data);
  if (run > 8 || (run & (run - 1)) != 0 || places % static_cast<uintptr_t>(run) != 0) {
    return gather_runs(x.as<const char>(), indices, y.as<char>(), s, run);
  }
  with_size(run, [&](auto t) {
    using T = decltype(t);
    gather_elements(static_cast<const T*>(x.data), indices, static_cast<T*>(y.data), s);
  });
}

// check_indices of many, shared by threads.
bool check_all(const Call& call, int64_t n) {
  std::atomic<bool> inside = true;
  const View& indices = call.in[1];
  cpu::parallel_for(indices.size(), kChecked, [&](int64_t begin, int64_t end) {
    if (!all_inside(indices, begin, end, n)) inside.store(false, std::memory_order_relaxed);
  });
  return inside.load(std::memory_order_relaxed) || check_indices(call, indices, n);
}

void gather(const Call& call) noexcept {
  const GatherShape s = gather_shape(call.in[0], call.in[1], call.ints[0], call.ints[1] != 0);
  if (!check_all(call, s.size) || call.out[0].size() == 0) return;
  call.in[1].dtype == DType::I64 ? gather_by<int64_t>(call, s) : gather_by<int32_t>(call, s);
}

}  // namespace

extern const Kernel kernel_gather;
constinit const Kernel kernel_gather = {gather, nullptr, nullptr};

}  // namespace ckeras::portable
