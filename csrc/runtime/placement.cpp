#include "runtime/placement.h"

#include <algorithm>
#include <numeric>

#include "runtime/storage.h"

namespace ckeras {
namespace {

struct Placed {
  int64_t begin, end, first, last;
};

}  // namespace

Placement place(std::span<const Lifetime> buffers) {
  std::vector<size_t> order(buffers.size());
  std::iota(order.begin(), order.end(), size_t{0});
  std::stable_sort(order.begin(), order.end(), [&](size_t a, size_t b) {
    const Lifetime &x = buffers[a], &y = buffers[b];
    return x.bytes != y.bytes ? x.bytes > y.bytes : x.first < y.first;
  });
  Placement result;
  result.offsets.resize(buffers.size());
  std::vector<Placed> placed;  // in order of begin
  placed.reserve(buffers.size());
  for (const size_t i : order) {
    const Lifetime& buffer = buffers[i];
    const int64_t bytes = (buffer.bytes + kAlignment - 1) / kAlignment * kAlignment;
    int64_t at = 0;
    for (const Placed& other : placed) {
      if (other.first > buffer.last || other.last < buffer.first) continue;
      if (other.begin - at >= bytes) break;
      at = std::max(at, other.end);
    }
    const auto behind = std::upper_bound(placed.begin(), placed.end(), at,
                                         [](int64_t offset, const Placed& other) { return offset < other.begin; });
    placed.insert(behind, {at, at + bytes, buffer.first, buffer.last});
    result.offsets[i] = at;
    result.bytes = std::max(result.bytes, at + bytes);
  }
  return result;
}

}  // namespace ckeras
