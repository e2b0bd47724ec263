#include "ops/bincount/bincount.h"

#include <algorithm>
#include <atomic>
#include <cstring>

#include "cpu/parallel.h"

namespace ckeras::portable {
namespace {

constexpr int64_t kPiece = 1 << 14;  // numbers counted in a table of their own, at least
constexpr int64_t kTables = 16;      // most tables

int64_t tables(const Call& call) {
  const int64_t n = call.in[0].size(), bins = call.out[0].size();
  return std::clamp<int64_t>(n / std::max(kPiece, 2 * bins), 1, kTables);
}

// False when one of x is no bin.
template <class T>
bool count(const T* x, int64_t n, int64_t bins, int32_t* table) {
  if (bins > 0) std::memset(table, 0, static_cast<size_t>(bins) * sizeof(int32_t));
  for (int64_t i = 0; i < n; ++i) {
    if (static_cast<uint64_t>(x[i]) >= static_cast<uint64_t>(bins)) return false;
    ++table[x[i]];
  }
  return true;
}

void bincount(const Call& call) noexcept {
  const View &x = call.in[0], &y = call.out[0];
  const int64_t n = x.size(), bins = y.size(), count_of = tables(call);
  int32_t* const out = y.as<int32_t>();
  int32_t* const others = static_cast<int32_t*>(call.workspace);
  std::atomic<bool> inside{true};
  const auto one = [&](int64_t t) {
    const int64_t first = n * t / count_of, last = n * (t + 1) / count_of;
    int32_t* const table = t == 0 ? out : others + (t - 1) * bins;
    const bool fits = x.dtype == DType::I64 ? count(x.as<const int64_t>() + first, last - first, bins, table)
                                            : count(x.as<const int32_t>() + first, last - first, bins, table);
    if (!fits) inside = false;
  };
  cpu::parallel_for(count_of, 1, [&](int64_t begin, int64_t end) {
    for (int64_t t = begin; t < end; ++t) one(t);
  });
  if (!inside) {
    for (int64_t i = 0; i < n; ++i) {
      const int64_t value = index_at(x, i);
      if (value >= 0 && value < bins) continue;
      *call.fault = {1, value, bins};
      return;
    }
  }
  for (int64_t t = 1; t < count_of; ++t) {
    for (int64_t b = 0; b < bins; ++b) out[b] += others[(t - 1) * bins + b];
  }
}

int64_t workspace(const Call& call) noexcept { return (tables(call) - 1) * call.out[0].nbytes(); }

}  // namespace

extern const Kernel kernel_bincount;
constinit const Kernel kernel_bincount = {bincount, workspace, nullptr};

}  // namespace ckeras::portable
