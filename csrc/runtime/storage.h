// Memory of arrays: reference-counted blocks from a caching allocator.
#pragma once
#include <atomic>
#include <cstdint>
#include <new>
#include <string>
#include <utility>

namespace ckeras {

inline constexpr int64_t kAlignment = 64;

// A failed allocation; names the bytes asked for and those in use.
class OutOfMemory : public std::bad_alloc {
 public:
  explicit OutOfMemory(std::string message) : message_(std::move(message)) {}
  const char* what() const noexcept override { return message_.c_str(); }

 private:
  std::string message_;
};

class StorageRef;

// A block of memory, either the allocator's own (64-byte aligned, writable) or somebody else's (read only).
class Storage {
 public:
  using Release = void (*)(void* owner) noexcept;

  // A block of at least `bytes` bytes, contents undefined. Throws OutOfMemory.
  static StorageRef allocate(int64_t bytes);
  // Memory of `owner`, never written; `release(owner)` is called once when the last reference goes, on any thread.
  static StorageRef external(const void* data, int64_t bytes, void* owner, Release release);

  void* data() const { return data_; }
  int64_t bytes() const { return bytes_; }
  // Nobody but the one caller holds the block, and it may be written.
  bool exclusive() const { return release_ == nullptr && refs_.load(std::memory_order_acquire) == 1; }

 private:
  friend class StorageRef;
  friend class Allocator;
  void drop() noexcept;

  void* data_ = nullptr;
  int64_t bytes_ = 0;  // of the block: the size class for the allocator's own
  std::atomic<int32_t> refs_{0};
  int32_t size_class_ = 0;
  Release release_ = nullptr;
  void* owner_ = nullptr;
  Storage* next_ = nullptr;  // in the allocator's free list
};

// A counted reference to a Storage; may be empty.
class StorageRef {
 public:
  StorageRef() = default;
  explicit StorageRef(Storage* storage) : storage_(storage) {
    if (storage_) storage_->refs_.fetch_add(1, std::memory_order_relaxed);
  }
  StorageRef(const StorageRef& other) : StorageRef(other.storage_) {}
  StorageRef(StorageRef&& other) noexcept : storage_(std::exchange(other.storage_, nullptr)) {}
  StorageRef& operator=(StorageRef other) noexcept {
    std::swap(storage_, other.storage_);
    return *this;
  }
  ~StorageRef() {
    if (storage_ && storage_->refs_.fetch_sub(1, std::memory_order_acq_rel) == 1) storage_->drop();
  }

  Storage* operator->() const { return storage_; }
  explicit operator bool() const { return storage_ != nullptr; }

 private:
  Storage* storage_ = nullptr;
};

struct MemoryStats {
  int64_t in_use;  // bytes in blocks that somebody holds
  int64_t peak;    // most bytes in use since the start or the last reset_peak()
  int64_t cached;  // bytes in free blocks kept for the next allocation
};

MemoryStats memory_stats();
void reset_peak();
// Gives all free blocks back to the system.
void release_cached();
// The largest sum of bytes in use that is allowed: the machine's memory, or the container's if that is less.
int64_t memory_limit();

}  // namespace ckeras
