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

template <bool kProduct>
void cumulative(const Call& call) noexcept {
  const View& x = call.in[0];
  const bool floats = with_storage(x.dtype, [&](auto s) {
    using S = decltype(s);
    const auto* from = x.as<const typename S::Element>();
    auto* to = call.out[0].as<typename S::Element>();
    for_lines(call, kProduct ? 1.0 : 0.0, [=](int64_t at, double& c) __attribute__((always_inline)) {
      const auto v = static_cast<double>(S::get(from[at]));
      c = kProduct ? c * v : c + v;
      to[at] = S::put(static_cast<typename S::T>(c));
    });
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
