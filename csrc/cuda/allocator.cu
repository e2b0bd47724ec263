#include "cuda/allocator.h"

#include <cstdio>
#include <functional>

namespace ckeras::cuda {
namespace {

constexpr int64_t kSmall = int64_t{1} << 20;    // blocks of less come from segments of kSmallest
constexpr int64_t kMiddle = int64_t{10} << 20;  // of less, from segments of twice as much
constexpr int64_t kMost = int64_t{1} << 60;

int64_t rounded(int64_t bytes, int64_t unit) { return (bytes + unit - 1) / unit * unit; }

int64_t segment_of(int64_t bytes) {
  if (bytes < kSmall) return Allocator::kSmallest;
  return bytes < kMiddle ? 2 * kMiddle : rounded(bytes, Allocator::kSmallest);
}

// What stays of a block that is larger than asked for: of large ones only pieces that serve others.
bool worth_cutting(int64_t size, int64_t bytes) { return size - bytes >= (bytes < kSmall ? Allocator::kUnit : kSmall); }

std::string human(int64_t bytes) {
  const char* const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
  double value = static_cast<double>(bytes);
  int unit = 0;
  while (value >= 1024 && unit < 4) {
    value /= 1024;
    ++unit;
  }
  char text[48];
  std::snprintf(text, sizeof text, unit == 0 ? "%.0f %s" : "%.1f %s", value, units[unit]);
  return text;
}

}  // namespace

bool Allocator::BySize::operator()(const Block* a, const Block* b) const {
  const std::less<const void*> less;
  if (a->stream != b->stream) return less(a->stream, b->stream);
  return a->size != b->size ? a->size < b->size : less(a->p, b->p);
}

Allocator::~Allocator() {
  for (const Waiting& w : waiting_) {
    for (void* event : w.events) driver_.forget(event);
  }
  for (const auto& [p, block] : blocks_) {
    if (block->before == nullptr) driver_.give(p);
  }
}

void* Allocator::allocate(int64_t bytes, void* stream, const std::string& tensor) {
  if (bytes < 0) throw std::invalid_argument("a device's memory: " + std::to_string(bytes) + " bytes of " + tensor);
  if (bytes > kMost) refuse(bytes, tensor);
  const int64_t size = rounded(bytes < 1 ? 1 : bytes, kUnit);
  settle();
  Block* block = find(size, stream);
  if (block == nullptr) block = grow(size, stream);
  if (block == nullptr) {
    release();
    block = grow(size, stream);
  }
  if (block == nullptr) refuse(bytes, tensor);
  cut(block, size);
  free_.erase(block);
  block->free = false;
  in_use_ += block->size;
  if (in_use_ > peak_) peak_ = in_use_;
  return block->p;
}

// The least that holds as much.
Allocator::Block* Allocator::find(int64_t bytes, void* stream) {
  Block key{nullptr, bytes, stream, nullptr, nullptr, true, {}};
  const auto at = free_.lower_bound(&key);
  if (at == free_.end() || (*at)->stream != stream) return nullptr;
  // A large segment is not cut up for small blocks, which would keep it from others.
  return bytes < kSmall && (*at)->size > kSmallest && (*at)->before == nullptr && (*at)->after == nullptr ? nullptr
                                                                                                          : *at;
}

Allocator::Block* Allocator::grow(int64_t bytes, void* stream) {
  const int64_t size = segment_of(bytes);
  void* p = driver_.take(size);
  if (p == nullptr) return nullptr;
  reserved_ += size;
  auto block = std::make_unique<Block>(Block{static_cast<char*>(p), size, stream, nullptr, nullptr, true, {}});
  Block* const made = block.get();
  blocks_.emplace(p, std::move(block));
  free_.insert(made);
  return made;
}

// Leaves a free block of as many bytes where there was a longer one.
void Allocator::cut(Block* block, int64_t bytes) {
  if (!worth_cutting(block->size, bytes)) return;
  auto rest = std::make_unique<Block>(
      Block{block->p + bytes, block->size - bytes, block->stream, block, block->after, true, {}});
  free_.erase(block);
  if (rest->after != nullptr) rest->after->before = rest.get();
  block->after = rest.get();
  block->size = bytes;
  free_.insert(block);
  free_.insert(rest.get());
  void* const p = rest->p;
  blocks_.emplace(p, std::move(rest));
}

void Allocator::free(void* p) {
  const auto at = blocks_.find(p);
  if (at == blocks_.end() || at->second->free)
    throw std::invalid_argument("a device's memory: freed what is not in use");
  Block* const block = at->second.get();
  in_use_ -= block->size;
  block->free = true;
  if (block->users.empty()) return return_block(block);
  Waiting waiting{block, {}};
  for (void* stream : block->users) waiting.events.push_back(driver_.record(stream));
  block->users.clear();
  waiting_.push_back(std::move(waiting));
}

void Allocator::use_on(void* p, void* stream) {
  const auto at = blocks_.find(p);
  if (at == blocks_.end() || at->second->free)
    throw std::invalid_argument("a device's memory: used what is not in use");
  if (stream != at->second->stream) at->second->users.insert(stream);
}

// Into the free ones, joined with its neighbours there.
void Allocator::return_block(Block* block) {
  const auto joins = [&](Block* other) { return other != nullptr && free_.count(other) != 0; };
  if (joins(block->after)) {
    Block* const gone = block->after;
    free_.erase(gone);
    block->size += gone->size;
    block->after = gone->after;
    if (block->after != nullptr) block->after->before = block;
    blocks_.erase(gone->p);
  }
  if (joins(block->before)) {
    Block* const to = block->before;
    free_.erase(to);
    to->size += block->size;
    to->after = block->after;
    if (to->after != nullptr) to->after->before = to;
    blocks_.erase(block->p);
    block = to;
  }
  free_.insert(block);
}

// Blocks whose events have passed become free.
void Allocator::settle() {
  std::vector<Waiting> still;
  for (Waiting& w : waiting_) {
    while (!w.events.empty() && driver_.passed(w.events.back())) {
      driver_.forget(w.events.back());
      w.events.pop_back();
    }
    if (w.events.empty()) {
      return_block(w.block);
    } else {
      still.push_back(std::move(w));
    }
  }
  waiting_ = std::move(still);
}

void Allocator::release() {
  settle();
  std::vector<Block*> whole;
  for (Block* block : free_) {
    if (block->before == nullptr && block->after == nullptr) whole.push_back(block);
  }
  for (Block* block : whole) {
    free_.erase(block);
    reserved_ -= block->size;
    driver_.give(block->p);
    blocks_.erase(block->p);
  }
}

void Allocator::refuse(int64_t bytes, const std::string& tensor) {
  throw OutOfMemory("the device is out of memory: " + tensor + " needs " + human(bytes) + "; " + human(in_use_) +
                    " are in use, " + human(reserved_ - in_use_) + " kept for other sizes, and the card has " +
                    human(driver_.left()) + " left");
}

}  // namespace ckeras::cuda
