#include "runtime/storage.h"

#include <cstring>
#include <thread>
#include <vector>

#include "base/check.h"

namespace ckeras {
namespace {

void test_blocks() {
  for (int64_t bytes : {0, 1, 63, 64, 65, 511, 512, 513, 1000, 1 << 20, (1 << 20) + 1, 3 << 20, 5000001}) {
    const StorageRef block = Storage::allocate(bytes);
    CHECK(block->bytes() >= bytes);
    CHECK(bytes <= 64 || block->bytes() <= bytes + bytes / 8 + 64);
    CHECK_EQ(reinterpret_cast<uintptr_t>(block->data()) % kAlignment, 0u);
    std::memset(block->data(), 1, static_cast<size_t>(block->bytes()));  // the sanitizer watches
  }
}

void test_reuse_and_counts() {
  release_cached();
  const MemoryStats before = memory_stats();
  const void* data = nullptr;
  {
    const StorageRef block = Storage::allocate(10000);
    data = block->data();
    CHECK_EQ(memory_stats().in_use - before.in_use, block->bytes());
  }
  CHECK_EQ(memory_stats().in_use, before.in_use);
  CHECK(memory_stats().cached >= 10000);
  CHECK_EQ(Storage::allocate(9990)->data(), data);
  reset_peak();
  CHECK_EQ(memory_stats().peak, memory_stats().in_use);
  {
    const StorageRef block = Storage::allocate(1 << 20);
  }
  CHECK(memory_stats().peak >= memory_stats().in_use + (1 << 20));
  release_cached();
  CHECK_EQ(memory_stats().cached, 0);
}

void test_references() {
  StorageRef a = Storage::allocate(8);
  CHECK(a->exclusive());
  {
    const StorageRef b = a;
    CHECK(!a->exclusive());
  }
  CHECK(a->exclusive());
  StorageRef moved = std::move(a);
  CHECK(!a);
  CHECK(moved->exclusive());
  moved = moved->exclusive() ? std::move(moved) : StorageRef();
  CHECK(moved->exclusive());
}

void test_external() {
  int value = 7, released = 0;
  {
    const StorageRef a =
        Storage::external(&value, sizeof value, &released, [](void* n) noexcept { ++*static_cast<int*>(n); });
    const StorageRef b = a;
    CHECK(!a->exclusive());
    CHECK_EQ(a->data(), static_cast<void*>(&value));
  }
  CHECK_EQ(released, 1);
}

void test_refusals() {
  const MemoryStats before = memory_stats();
  CHECK_THROWS(Storage::allocate(-1), OutOfMemory);
  CHECK_THROWS(Storage::allocate(INT64_MAX), OutOfMemory);
  CHECK_THROWS(Storage::allocate(memory_limit() + 1), OutOfMemory);
  try {
    Storage::allocate(int64_t{1} << 60);
  } catch (const OutOfMemory& error) {
    CHECK(std::strstr(error.what(), "1152921504606846976") != nullptr);
  }
  CHECK_EQ(memory_stats().in_use, before.in_use);
}

void test_threads() {
  const int64_t before = memory_stats().in_use;
  const StorageRef shared = Storage::allocate(100);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&shared, t] {
      for (int i = 0; i < 2000; ++i) {
        const StorageRef copy = shared;
        const StorageRef block = Storage::allocate(64 << (i % 12));
        std::memset(block->data(), t, 64);
        if (i % 500 == 0) release_cached();
        CHECK_EQ(static_cast<int>(*static_cast<char*>(block->data())), t);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(shared->exclusive());
  CHECK_EQ(memory_stats().in_use - before, shared->bytes());
}

}  // namespace
}  // namespace ckeras

int main() {
  ckeras::test_blocks();
  ckeras::test_reuse_and_counts();
  ckeras::test_references();
  ckeras::test_external();
  ckeras::test_refusals();
  ckeras::test_threads();
  return CHECK_RESULT();
}
