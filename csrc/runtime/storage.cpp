#include "runtime/storage.h"

#include <algorithm>
#include <bit>
#include <cstdlib>
#include <fstream>
#include <mutex>

#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#include <sys/mman.h>
#include <unistd.h>
#endif
#if defined(__SANITIZE_ADDRESS__)
#include <sanitizer/asan_interface.h>
#else
#define ASAN_POISON_MEMORY_REGION(address, size) (void(address), void(size))
#define ASAN_UNPOISON_MEMORY_REGION(address, size) (void(address), void(size))
#endif

namespace ckeras {
namespace {

constexpr int64_t kHugePage = int64_t{2} << 20;
constexpr int64_t kMaxCached = int64_t{1} << 30;
// Size classes: eight steps per doubling, so at most an eighth of a block is unused; the smallest is one cache line.
constexpr int kClasses = 8 * 48;

int class_of(int64_t bytes) {
  const int64_t units = std::max<int64_t>((bytes + kAlignment - 1) / kAlignment, 1);
  if (units <= 8) return static_cast<int>(units - 1);
  const int shift = std::bit_width(static_cast<uint64_t>(units - 1)) - 4;  // (units - 1) >> shift is in [8, 16)
  return 8 * shift + static_cast<int>((units - 1) >> shift);
}

int64_t class_bytes(int size_class) {
  if (size_class < 8) return (size_class + 1) * kAlignment;
  const int shift = size_class / 8 - 1;
  return (int64_t{size_class % 8 + 9} << shift) * kAlignment;
}

void* system_allocate(int64_t bytes) {
  const int64_t alignment = bytes >= kHugePage ? kHugePage : kAlignment;
  const int64_t rounded = (bytes + alignment - 1) / alignment * alignment;
  void* data = std::aligned_alloc(static_cast<size_t>(alignment), static_cast<size_t>(rounded));
#if defined(MADV_HUGEPAGE)
  if (data && alignment == kHugePage) madvise(data, static_cast<size_t>(rounded), MADV_HUGEPAGE);
#endif
  return data;
}

int64_t read_memory_limit() {
  int64_t limit = int64_t{1} << 46;
#if defined(_SC_PHYS_PAGES)
  limit = std::min(limit, int64_t{sysconf(_SC_PHYS_PAGES)} * sysconf(_SC_PAGESIZE));
#endif
  for (const char* path : {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
    int64_t container = 0;  // stays 0 for "max" and for a file that is not there
    if (std::ifstream(path) >> container && container > 0) limit = std::min(limit, container);
  }
  return limit;
}

}  // namespace

class Allocator {
 public:
  static Allocator& get() {
    static Allocator* allocator = new Allocator;  // never destroyed: arrays may outlive static destructors
    return *allocator;
  }

  Storage* allocate(int64_t bytes) {
    if (bytes < 0 || bytes > limit_) refuse(bytes, stats().in_use);
    const int size_class = class_of(bytes);
    const int64_t block = class_bytes(size_class);
    {
      std::lock_guard lock(mutex_);
      if (stats_.in_use + bytes > limit_) refuse(bytes, stats_.in_use);
      if (Storage* storage = free_[size_class]) {
        free_[size_class] = storage->next_;
        stats_.cached -= block;
        count(block);
        ASAN_UNPOISON_MEMORY_REGION(storage->data_, block);
        return storage;
      }
    }
    void* data = system_allocate(block);
    if (!data) {
      release_cached();
      data = system_allocate(block);
    }
    auto* storage = data ? new (std::nothrow) Storage : nullptr;
    if (!storage) {
      std::free(data);
      refuse(bytes, stats().in_use);
    }
    storage->data_ = data;
    storage->bytes_ = block;
    storage->size_class_ = size_class;
    std::lock_guard lock(mutex_);
    count(block);
    return storage;
  }

  void free(Storage* storage) noexcept {
    {
      std::lock_guard lock(mutex_);
      stats_.in_use -= storage->bytes_;
      if (stats_.cached + storage->bytes_ <= kMaxCached) {
        stats_.cached += storage->bytes_;
        storage->next_ = std::exchange(free_[storage->size_class_], storage);
        ASAN_POISON_MEMORY_REGION(storage->data_, storage->bytes_);
        return;
      }
    }
    destroy(storage);
  }

  void release_cached() {
    std::lock_guard lock(mutex_);
    for (Storage*& head : free_) {
      while (head) {
        Storage* storage = std::exchange(head, head->next_);
        ASAN_UNPOISON_MEMORY_REGION(storage->data_, storage->bytes_);
        destroy(storage);
      }
    }
    stats_.cached = 0;
  }

  MemoryStats stats() {
    std::lock_guard lock(mutex_);
    return stats_;
  }

  void reset_peak() {
    std::lock_guard lock(mutex_);
    stats_.peak = stats_.in_use;
  }

  int64_t limit() const { return limit_; }

 private:
  Allocator() {
#if defined(__unix__) || defined(__APPLE__)
    // A fork must not copy a mutex that another thread holds.
    pthread_atfork([] { get().mutex_.lock(); }, [] { get().mutex_.unlock(); }, [] { get().mutex_.unlock(); });
#endif
  }

  static void destroy(Storage* storage) noexcept {
    std::free(storage->data_);
    delete storage;
  }

  void count(int64_t block) {
    stats_.in_use += block;
    stats_.peak = std::max(stats_.peak, stats_.in_use);
  }

  [[noreturn]] void refuse(int64_t bytes, int64_t in_use) const {
    throw OutOfMemory("cannot allocate " + std::to_string(bytes) + " bytes: " + std::to_string(in_use) +
                      " bytes are in use and the limit is " + std::to_string(limit_) +
                      "; use smaller batches or a smaller model");
  }

  std::mutex mutex_;
  Storage* free_[kClasses] = {};
  MemoryStats stats_ = {};
  const int64_t limit_ = read_memory_limit();
};

StorageRef Storage::allocate(int64_t bytes) { return StorageRef(Allocator::get().allocate(bytes)); }

StorageRef Storage::external(const void* data, int64_t bytes, void* owner, Release release) {
  auto* storage = new Storage;
  storage->data_ = const_cast<void*>(data);
  storage->bytes_ = bytes;
  storage->owner_ = owner;
  storage->release_ = release;
  return StorageRef(storage);
}

void Storage::drop() noexcept {
  if (!release_) return Allocator::get().free(this);
  release_(owner_);
  delete this;
}

MemoryStats memory_stats() { return Allocator::get().stats(); }
void reset_peak() { Allocator::get().reset_peak(); }
void release_cached() { Allocator::get().release_cached(); }
int64_t memory_limit() { return Allocator::get().limit(); }

}  // namespace ckeras
