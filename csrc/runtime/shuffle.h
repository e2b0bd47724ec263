// The order of samples in an epoch: the stream of NumPy's Generator(Philox(key)).permutation(n), so that seeds give the
// orders that they always gave, whatever NumPy does later, and its random package need not be loaded.
//
//   words    Philox 4x64-10; block b = 1, 2, ... is its counter (b, 0, 0, 0), words 0 to 3 in order. A 32-bit number is
//            the lower half of a word, the next one its upper half, also across calls
//   shuffle  for i = n - 1 ... 1: element i changes places with element j of 0 ... i: a 32-bit number's lowest bits, as
//            many as i has, drawn anew while they are above i
#pragma once
#include <cstdint>
#include <span>

namespace ckeras {

class Shuffler {
 public:
  static constexpr int64_t kMost = int64_t{1} << 32;  // elements of a permutation

  Shuffler(uint64_t key0, uint64_t key1) : key_{key0, key1} {}

  // Fills `order`, of at most kMost elements, with the next permutation of its indices.
  void permutation(std::span<int64_t> order);

 private:
  uint32_t next();
  uint32_t to(uint32_t most);  // of 0 ... most; 0 < most

  const uint64_t key_[2];
  uint64_t blocks_ = 0;  // made
  uint64_t words_[4] = {};
  int halves_ = 8;  // of words_ that were given
};

}  // namespace ckeras
