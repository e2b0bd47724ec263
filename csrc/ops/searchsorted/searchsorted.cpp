#include "ops/searchsorted/searchsorted.h"

#include <algorithm>

#include "cpu/parallel.h"
#include "ops/argsort/keys.h"

namespace ckeras::portable {
namespace {

constexpr int64_t kPiece = 1 << 12;
constexpr int64_t kTogether = 8;  // searches whose loads wait for one another's

// first[i] = how many of the n keys are below key[i], or not above it.
template <bool kAfter, class Key>
void search(const Key* keys, int64_t n, const Key* key, int64_t* first) {
  for (int64_t i = 0; i < kTogether; ++i) first[i] = 0;
  while (n > 0) {
    const int64_t half = (n + 1) / 2;
    for (int64_t i = 0; i < kTogether; ++i) {
      const Key middle = keys[first[i] + half - 1];
      first[i] += (kAfter ? middle <= key[i] : middle < key[i]) ? half : 0;
    }
    n -= half;
  }
}

template <class K>
void search_all(const Call& call, K) {
  using Key = typename K::Key;
  const View &sorted = call.in[0], &values = call.in[1];
  const int64_t n = sorted.size();
  Key* const keys = static_cast<Key*>(call.workspace);
  for (int64_t i = 0; i < n; ++i) keys[i] = K::of(sorted.as<const typename K::Element>()[i]);
  const auto* from = values.as<const typename K::Element>();
  auto* to = call.out[0].as<int32_t>();
  const bool after = call.ints[0] != 0;
  cpu::parallel_for(values.size(), kPiece, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; i += kTogether) {
      Key key[kTogether] = {};
      int64_t first[kTogether];
      const int64_t count = std::min(kTogether, end - i);
      for (int64_t k = 0; k < count; ++k) key[k] = K::of(from[i + k]);
      after ? search<true>(keys, n, key, first) : search<false>(keys, n, key, first);
      for (int64_t k = 0; k < count; ++k) to[i + k] = static_cast<int32_t>(first[k]);
    }
  });
}

void searchsorted(const Call& call) noexcept {
  with_key(call.in[0].dtype, [&](auto key) { search_all(call, key); });
}
int64_t workspace(const Call& call) noexcept { return call.in[0].nbytes(); }

}  // namespace

extern const Kernel kernel_searchsorted;
constinit const Kernel kernel_searchsorted = {searchsorted, workspace, nullptr};

}  // namespace ckeras::portable
