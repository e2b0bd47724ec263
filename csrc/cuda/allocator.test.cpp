// The caching allocator over a driver that is none: what it takes, cuts, joins, keeps for streams and gives back, its
// numbers and its one error.
#include "cuda/allocator.h"

#include <cstring>
#include <random>

#include "base/check.h"

using ckeras::cuda::Allocator;
using ckeras::cuda::OutOfMemory;

namespace {

constexpr int64_t kMiB = int64_t{1} << 20;

// A card of so many bytes: addresses that are never read. Events pass when `now` has come to them.
class Card : public ckeras::cuda::Driver {
 public:
  explicit Card(int64_t bytes) : bytes_(bytes) {}
  ~Card() override {
    CHECK_EQ(taken_.size(), 0u);
    CHECK_EQ(events, 0);
  }
  void* take(int64_t bytes) override {
    ++takes;
    if (bytes > left()) return nullptr;
    next_ += int64_t{1} << 40;
    void* const p = reinterpret_cast<void*>(next_);
    taken_[p] = bytes;
    return p;
  }
  void give(void* p) override { CHECK_EQ(taken_.erase(p), 1u); }
  void* record(void*) override {
    ++events;
    return reinterpret_cast<void*>(now + 1);
  }
  bool passed(void* event) override { return reinterpret_cast<intptr_t>(event) <= now; }
  void forget(void*) override { --events; }
  int64_t left() override {
    int64_t used = 0;
    for (const auto& [p, bytes] : taken_) used += bytes;
    return bytes_ - used;
  }
  // Whether a block lies in one segment.
  bool holds(void* p, int64_t bytes) const {
    auto at = taken_.upper_bound(p);
    if (at == taken_.begin()) return false;
    --at;
    return static_cast<char*>(p) + bytes <= static_cast<char*>(at->first) + at->second;
  }

  int takes = 0, events = 0;
  intptr_t now = 0;

 private:
  int64_t bytes_;
  intptr_t next_ = 0;
  std::map<void*, int64_t> taken_;
};

void* const kFirst = nullptr;
void* const kSecond = reinterpret_cast<void*>(8);

void check_reuse() {
  Card card(100 * kMiB);
  Allocator memory(card);
  void* const a = memory.allocate(1000, kFirst, "a");
  void* const b = memory.allocate(0, kFirst, "b");
  CHECK_EQ(card.takes, 1);
  CHECK(a != b);
  CHECK_EQ(memory.in_use(), 1024 + 512);
  CHECK_EQ(memory.reserved(), 2 * kMiB);
  memory.free(a);
  CHECK(memory.allocate(513, kFirst, "c") == a);
  memory.free(a);
  memory.free(b);
  CHECK_EQ(memory.in_use(), 0);
  CHECK_EQ(memory.peak(), 1024 + 512);
  memory.reset_peak();
  CHECK_EQ(memory.peak(), 0);
  CHECK(memory.allocate(kMiB - 1, kFirst, "joined again") == a);
  CHECK_EQ(card.takes, 1);
  memory.free(a);
  memory.release();
  CHECK_EQ(memory.reserved(), 0);
  CHECK_THROWS(memory.free(a), std::invalid_argument);
  CHECK_THROWS(memory.allocate(-1, kFirst, "a"), std::invalid_argument);
}

// Work of one stream may still read what another one frees.
void check_streams() {
  Card card(100 * kMiB);
  Allocator memory(card);
  void* const a = memory.allocate(1000, kFirst, "a");
  memory.free(a);
  CHECK_THROWS(memory.free(a), std::invalid_argument);
  CHECK_THROWS(memory.use_on(a, kSecond), std::invalid_argument);
  void* const b = memory.allocate(1000, kSecond, "b");
  CHECK(b != a);
  CHECK_EQ(card.takes, 2);
  memory.use_on(b, kSecond);  // its own: nothing to wait for
  memory.use_on(b, kFirst);
  memory.free(b);
  CHECK_EQ(memory.in_use(), 0);
  CHECK_EQ(card.events, 1);
  void* const c = memory.allocate(1000, kSecond, "c");
  CHECK(c != b);
  card.now = 1;
  void* const d = memory.allocate(1000, kSecond, "d");
  CHECK(d == b);
  CHECK_EQ(card.events, 0);
  memory.use_on(d, kFirst);
  memory.free(d);  // the allocator ends while an event is out
}

void check_out_of_memory() {
  Card card(64 * kMiB);
  Allocator memory(card);
  void* const a = memory.allocate(30 * kMiB, kFirst, "a");
  void* const b = memory.allocate(30 * kMiB, kFirst, "b");
  memory.free(b);
  // What is kept goes back before anything fails.
  void* const c = memory.allocate(34 * kMiB, kFirst, "c");
  CHECK_EQ(memory.reserved(), 64 * kMiB);
  const int64_t used = memory.in_use();
  std::string said;
  try {
    memory.allocate(3 * kMiB / 2, kFirst, "'dense/kernel'");
  } catch (const OutOfMemory& error) {
    said = error.what();
  }
  CHECK_EQ(said,
           "the device is out of memory: 'dense/kernel' needs 1.5 MiB; 64.0 MiB are in use, 0 bytes kept for other "
           "sizes, and the card has 0 bytes left");
  CHECK_EQ(memory.in_use(), used);
  CHECK_THROWS(memory.allocate(INT64_MAX, kFirst, "all"), OutOfMemory);
  memory.free(a);
  CHECK(memory.allocate(3 * kMiB / 2, kFirst, "'dense/kernel'") != nullptr);  // life goes on
  memory.free(c);
}

// Blocks of any sizes in any order never overlap, lie in segments, and all come together again.
void check_many() {
  Card card(int64_t{1} << 34);
  Allocator memory(card);
  std::mt19937 draw(3);
  std::map<char*, std::pair<int64_t, void*>> held;
  int64_t used = 0;
  for (int step = 0; step < 4000; ++step) {
    if (held.empty() || draw() % 5 < 3) {
      const int64_t bytes = static_cast<int64_t>(draw() % 1000) << (draw() % 16);
      void* const stream = draw() % 2 ? kFirst : kSecond;
      char* const p = static_cast<char*>(memory.allocate(bytes, stream, "x"));
      CHECK_EQ(reinterpret_cast<intptr_t>(p) % Allocator::kUnit, 0);
      CHECK(card.holds(p, bytes));
      const auto after = held.lower_bound(p);
      CHECK(after == held.end() || p + bytes <= after->first);
      if (after != held.begin()) {
        const auto before = std::prev(after);
        CHECK(before->first + before->second.first <= p && before->first != p);
      }
      held[p] = {bytes, stream};
      if (draw() % 8 == 0) memory.use_on(p, kSecond);
      used += bytes;
    } else {
      auto at = held.begin();
      std::advance(at, static_cast<int64_t>(draw() % held.size()));
      memory.free(at->first);
      used -= at->second.first;
      held.erase(at);
      if (draw() % 4 == 0) ++card.now;
    }
    CHECK(memory.in_use() >= used && memory.peak() >= memory.in_use() && memory.reserved() >= memory.in_use());
  }
  for (const auto& [p, block] : held) memory.free(p);
  card.now += 1;
  memory.release();
  CHECK_EQ(memory.in_use(), 0);
  CHECK_EQ(memory.reserved(), 0);
}

}  // namespace

int main() {
  check_reuse();
  check_streams();
  check_out_of_memory();
  check_many();
  return CHECK_RESULT();
}
