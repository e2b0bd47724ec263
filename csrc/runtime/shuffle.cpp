#include "runtime/shuffle.h"

#include <bit>
#include <numeric>
#include <utility>

namespace ckeras {
namespace {

constexpr uint64_t kMultipliers[2] = {0xD2E7470EE14C6C93u, 0xCA5A826395121157u};
constexpr uint64_t kWeyl[2] = {0x9E3779B97F4A7C15u, 0xBB67AE8584CAA73Bu};
constexpr int kRounds = 10;

// One block, in place: counter to words.
void philox(uint64_t (&c)[4], uint64_t key0, uint64_t key1) {
  for (int round = 0; round < kRounds; ++round) {
    const auto a = static_cast<unsigned __int128>(kMultipliers[0]) * c[0];
    const auto b = static_cast<unsigned __int128>(kMultipliers[1]) * c[2];
    c[0] = static_cast<uint64_t>(b >> 64) ^ c[1] ^ key0;
    c[2] = static_cast<uint64_t>(a >> 64) ^ c[3] ^ key1;
    c[1] = static_cast<uint64_t>(b);
    c[3] = static_cast<uint64_t>(a);
    key0 += kWeyl[0];
    key1 += kWeyl[1];
  }
}

}  // namespace

uint32_t Shuffler::next() {
  if (halves_ == 8) {
    const uint64_t counter[4] = {++blocks_, 0, 0, 0};
    for (int i = 0; i < 4; ++i) words_[i] = counter[i];
    philox(words_, key_[0], key_[1]);
    halves_ = 0;
  }
  const int half = halves_++;
  return static_cast<uint32_t>(words_[half / 2] >> (half % 2 * 32));
}

uint32_t Shuffler::to(uint32_t most) {
  const uint32_t mask = UINT32_MAX >> std::countl_zero(most);
  uint32_t found;
  do {
    found = next() & mask;
  } while (found > most);
  return found;
}

void Shuffler::permutation(std::span<int64_t> order) {
  std::iota(order.begin(), order.end(), int64_t{0});
  for (size_t i = order.size(); i-- > 1;) std::swap(order[i], order[to(static_cast<uint32_t>(i))]);
}

}  // namespace ckeras
