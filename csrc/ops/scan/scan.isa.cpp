#include "ops/scan/scan.h"

#include "cpu/parallel.h"
#include "ops/storage.h"

namespace ckeras::CKERAS_ISA {
namespace {

constexpr int64_t kWidth = 32;    // neighbours that run side by side
constexpr int64_t kPiece = 4096;  // elements of parallel work

// step(place, carried) in order for every place of every line, `start` carried in; lines lie along memory: kRows of
// them side by side, so that their chains overlap.
template <class A, class Step>
void for_rows(const ScanLines& lines, A start, const Step& step) {
  constexpr int64_t kRows = 4;  // more would share lines of the cache where rows are a power of two long
  const int64_t pieces = (lines.outer + kRows - 1) / kRows;
  parallel_for(pieces, at_least_one(kPiece / at_least_one(lines.n * kRows)), [&](int64_t begin, int64_t end) {
    const int64_t first = lines.reversed ? lines.n - 1 : 0, way = lines.reversed ? -1 : 1;
    for (int64_t row = begin * kRows; row < least(end * kRows, lines.outer); row += kRows) {
      const int64_t base = row * lines.n + first, left = lines.outer - row;
      if (left >= kRows) {
        A carried[kRows];
#pragma GCC unroll 4
        for (int64_t j = 0; j < kRows; ++j) carried[j] = start;
        for (int64_t i = 0; i < lines.n; ++i) {
#pragma GCC unroll 4
          for (int64_t j = 0; j < kRows; ++j) step(base + j * lines.n + i * way, carried[j]);
        }
      } else {
        for (int64_t j = 0; j < left; ++j) {
          A carried = start;
          for (int64_t i = 0; i < lines.n; ++i) step(base + j * lines.n + i * way, carried);
        }
      }
    }
  });
}

// The same for lines in any direction.
template <class A, class Step>
void for_lines(const Call& call, A start, const Step& step) {
  const ScanLines lines(call);
  if (lines.inner == 1) return for_rows(lines, start, step);
  const int64_t blocks = (lines.inner + kWidth - 1) / kWidth;
  const int64_t piece = at_least_one(kPiece / at_least_one(lines.n * least(lines.inner, kWidth)));
  parallel_for(lines.outer * blocks, piece, [&](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; ++p) {
      const int64_t first = p % blocks * kWidth, width = least(kWidth, lines.inner - first);
      const int64_t base = p / blocks * lines.n * lines.inner + first;
      A carried[kWidth];
      for (A& c : carried) c = start;
      for (int64_t i = 0; i < lines.n; ++i) {
        const int64_t at = base + (lines.reversed ? lines.n - 1 - i : i) * lines.inner;
        for (int64_t j = 0; j < width; ++j) step(at + j, carried[j]);
      }
    }
  });
}

// ---- running sums and products of floats: vectors along the row, or of neighbouring lines

struct Plus {
  static CKERAS_MEMBER double start() { return 0; }
  template <class V>
  static CKERAS_MEMBER V join(V a, V b) {
    return a + b;
  }
};
struct Times {
  static CKERAS_MEMBER double start() { return 1; }
  template <class V>
  static CKERAS_MEMBER V join(V a, V b) {
    return a * b;
  }
};

// Where bit H of its number is set, a lane gets the last lane before the block of H that it is in; others get `rest`.
template <int H, int N, int... I>
CKERAS_INLINE Reg<double, N> last_before(Reg<double, N> v, Reg<double, N> rest, Indices<I...>) {
  return Reg<double, N>::from(
      __builtin_shufflevector(v.r, rest.r, ((I & H) != 0 ? I / (2 * H) * (2 * H) + H - 1 : N + I)...));
}
template <int N, int... I>
CKERAS_INLINE Reg<double, N> last_lane(Reg<double, N> v, Indices<I...>) {
  return Reg<double, N>::from(__builtin_shufflevector(v.r, v.r, (I * 0 + N - 1)...));
}
template <int N>
CKERAS_INLINE Reg<double, N> last_lane(Reg<double, N> v) {
  return last_lane(v, IndicesTo<N>{});
}
template <class H>
CKERAS_INLINE Pair<H> last_lane(Pair<H> v) {
  const H last = last_lane(v.hi);
  return {last, last};
}
template <class V, int... I>
CKERAS_INLINE V turned(V v, Indices<I...>) {
  return V::from(__builtin_shufflevector(v.r, v.r, (V::kLanes - 1 - I)...));
}
template <class T, int N>
CKERAS_INLINE Reg<T, N> turned(Reg<T, N> v) {
  return turned(v, IndicesTo<N>{});
}
template <class H>
CKERAS_INLINE Pair<H> turned(Pair<H> v) {
  return {turned(v.hi), turned(v.lo)};
}

// Lane i gets what lanes 0 ... i give, of the first kFilled: first in pairs, then fours, then eights, the last lane of
// a half joining each of the next half.
template <class Op, int kFilled, int H, int N>
CKERAS_INLINE Reg<double, N> running_from(Reg<double, N> v) {
  if constexpr (H >= N || H >= kFilled) {
    return v;
  } else {
    const Reg<double, N> rest(Op::start());
    return running_from<Op, kFilled, 2 * H>(Op::join(v, last_before<H>(v, rest, IndicesTo<N>{})));
  }
}
template <class Op, int kFilled, int N>
CKERAS_INLINE Reg<double, N> running(Reg<double, N> v) {
  return running_from<Op, kFilled, 1>(v);
}
template <class Op, int kFilled, class H>
CKERAS_INLINE Pair<H> running(Pair<H> v) {
  const H lo = running<Op, kFilled>(v.lo);
  if constexpr (kFilled <= H::kLanes) return {lo, lo};
  return {lo, Op::join(running<Op, kFilled>(v.hi), last_lane(lo))};
}

// What a vector holds, eight doubles at a time; `carried`, in all lanes, is what came before, and comes back.
template <class Op>
CKERAS_INLINE V8 advance(V8 v, V8& carried) {
  const V8 local = running<Op, 8>(v);
  const V8 result = Op::join(carried, local);
  carried = Op::join(carried, last_lane(local));
  return result;
}
template <class Op>
CKERAS_INLINE V16 advance(V16 v, V8& carried) {
  const W16 wide = to_double(v);
  const V8 lo = advance<Op>(wide.lo, carried);
  return to_single(W16(lo, advance<Op>(wide.hi, carried)));
}

template <class Op, class S>
void scan_row(const typename S::Element* x, typename S::Element* y, int64_t n, bool reversed) {
  using V = typename S::V;
  V8 carried(Op::start());
  if (!reversed) {
    for_lanes<V::kLanes>(n, [&](int64_t i, int64_t k) __attribute__((always_inline)) {
      S::store(y + i, advance<Op>(S::load(x + i, k), carried), k);
    });
    return;
  }
  int64_t i = n / V::kLanes * V::kLanes;
  if (i < n) {  // its empty lanes come first
    const auto filled = V::iota(0) < V(static_cast<typename S::T>(n - i));
    const V v = select(filled, S::load(x + i, n - i), V(static_cast<typename S::T>(Op::start())));
    S::store(y + i, turned(advance<Op>(turned(v), carried)), n - i);
  }
  while ((i -= V::kLanes) >= 0) S::store(y + i, turned(advance<Op>(turned(S::load(x + i)), carried)));
}

// The first eight lanes, or all.
CKERAS_INLINE V8 first_eight(V16 v) { return to_double(v).lo; }
CKERAS_INLINE V8 first_eight(V8 v) { return v; }
template <class V>
CKERAS_INLINE V single_eight(V8 v) {
  if constexpr (V::kLanes == 8) {
    return v;
  } else {
    return to_single(W16(v, v));
  }
}

// Rows of at most kFilled elements, without what the other lanes of eight would join.
template <class Op, class S, int kFilled>
void scan_short_rows(const typename S::Element* x, typename S::Element* y, int64_t rows, int64_t n) {
  using V = typename S::V;
  for (const auto* end = x + rows * n; x < end; x += n, y += n) {
    const V8 local = running<Op, kFilled>(first_eight(S::load(x, n)));
    S::store(y, single_eight<V>(Op::join(V8(Op::start()), local)), n);
  }
}

template <class Op, class S>
void scan_rows(const typename S::Element* x, typename S::Element* y, int64_t rows, int64_t n, bool reversed) {
  if (!reversed && n <= 2) return scan_short_rows<Op, S, 2>(x, y, rows, n);
  if (!reversed && n <= 4) return scan_short_rows<Op, S, 4>(x, y, rows, n);
  if (!reversed && n <= 8) return scan_short_rows<Op, S, 8>(x, y, rows, n);
  for (int64_t r = 0; r < rows; ++r) scan_row<Op, S>(x + r * n, y + r * n, n, reversed);
}

CKERAS_INLINE W16 widened(V16 v) { return to_double(v); }
CKERAS_INLINE V8 widened(V8 v) { return v; }
CKERAS_INLINE V16 narrowed(W16 v) { return to_single(v); }
CKERAS_INLINE V8 narrowed(V8 v) { return v; }

// kVectors vectors of neighbouring lines from x and y on.
template <class Op, class S, int kVectors>
CKERAS_INLINE void scan_lines(const ScanLines& lines, const typename S::Element* x, typename S::Element* y,
                              int64_t count) {
  using V = typename S::V;
  decltype(widened(V())) carried[kVectors];
  CKERAS_UNROLL
  for (int j = 0; j < kVectors; ++j) carried[j] = Op::start();
  for (int64_t i = 0; i < lines.n; ++i) {
    const int64_t at = (lines.reversed ? lines.n - 1 - i : i) * lines.inner;
    CKERAS_UNROLL
    for (int j = 0; j < kVectors; ++j) {
      carried[j] = Op::join(carried[j], widened(S::load(x + at + j * V::kLanes, count)));
      S::store(y + at + j * V::kLanes, narrowed(carried[j]), count);
    }
  }
}

template <class Op, class S>
void scan_floats(const Call& call) {
  using V = typename S::V;
  constexpr int kVectors = 4;
  const ScanLines lines(call);
  const auto* from = call.in[0].as<const typename S::Element>();
  auto* to = call.out[0].as<typename S::Element>();
  if (lines.inner == 1) {
    parallel_for(lines.outer, at_least_one(kPiece / at_least_one(lines.n)), [=](int64_t begin, int64_t end) {
      scan_rows<Op, S>(from + begin * lines.n, to + begin * lines.n, end - begin, lines.n, lines.reversed);
    });
    return;
  }
  const int64_t width = kVectors * V::kLanes, blocks = ceil_div(lines.inner, width);
  const int64_t cost = at_least_one(lines.n * least(lines.inner, width));
  parallel_for(lines.outer * blocks, at_least_one(kPiece / cost), [=](int64_t begin, int64_t end) {
    for (int64_t p = begin; p < end; ++p) {
      const int64_t first = p % blocks * width, base = p / blocks * lines.n * lines.inner + first;
      const int64_t count = least(width, lines.inner - first);
      if (count == width) {
        scan_lines<Op, S, kVectors>(lines, from + base, to + base, V::kLanes);
      } else {
        for_lanes<V::kLanes>(count, [=](int64_t j, int64_t k) __attribute__((always_inline)) {
          scan_lines<Op, S, 1>(lines, from + base + j, to + base + j, k);
        });
      }
    }
  });
}

template <bool kProduct>
void cumulative(const Call& call) noexcept {
  const View& x = call.in[0];
  const bool floats = with_storage(x.dtype, [&](auto s) {
    if constexpr (kProduct) {
      scan_floats<Times, decltype(s)>(call);
    } else {
      scan_floats<Plus, decltype(s)>(call);
    }
  });
  if (floats) return;
  with_integer(x.dtype, [&](auto t) {
    using T = decltype(t);
    const T* from = x.as<const T>();
    T* to = call.out[0].as<T>();
    for_lines(call, uint64_t{kProduct}, [=](int64_t at, uint64_t& c) __attribute__((always_inline)) {
      const auto v = static_cast<uint64_t>(from[at]);
      c = kProduct ? c * v : c + v;
      to[at] = static_cast<T>(c);
    });
  });
}

void recurrence(const Call& call) noexcept {
  with_storage(call.out[0].dtype, [&](auto s) {
    using S = decltype(s);
    const auto* a = call.in[0].as<const typename S::Element>();
    const auto* b = call.in[1].as<const typename S::Element>();
    auto* to = call.out[0].as<typename S::Element>();
    for_lines(call, 0.0, [=](int64_t at, double& c) __attribute__((always_inline)) {
      c = static_cast<double>(S::get(a[at])) * c + static_cast<double>(S::get(b[at]));
      to[at] = S::put(static_cast<typename S::T>(c));
    });
  });
}

}  // namespace

extern const Kernel kernel_cumulative_sum, kernel_cumulative_prod, kernel_recurrence;
constinit const Kernel kernel_cumulative_sum = {cumulative<false>, nullptr, nullptr};
constinit const Kernel kernel_cumulative_prod = {cumulative<true>, nullptr, nullptr};
constinit const Kernel kernel_recurrence = {recurrence, nullptr, nullptr};

}  // namespace ckeras::CKERAS_ISA
