#include "runtime/feed.h"

#include <chrono>
#include <stdexcept>
#include <thread>

#include "base/check.h"
#include "cpu/thread_pool.h"

namespace ckeras {
namespace {

// Rows that hold their number and their column, of 4 * width bytes.
Array rows(int64_t n, int64_t width) {
  Array array = Array::empty(std::vector{n, width}, DType::I32);
  for (int64_t i = 0; i < n * width; ++i) array.view.as<int32_t>()[i] = static_cast<int32_t>(i);
  return array;
}

bool holds(const Array& batch, const Array& data, std::span<const int64_t> rows) {
  const int64_t width = data.view.shape[1];
  if (batch.view.shape[0] != static_cast<int64_t>(rows.size()) || batch.view.shape[1] != width) return false;
  for (size_t i = 0; i < rows.size(); ++i) {
    for (int64_t j = 0; j < width; ++j) {
      if (batch.view.as<int32_t>()[static_cast<int64_t>(i) * width + j] != rows[i] * width + j) return false;
    }
  }
  return true;
}

// A row order without two neighbours that follow each other.
std::vector<int64_t> stepped(int64_t n, int64_t step) {
  std::vector<int64_t> order;
  for (int64_t i = 0; i < n; ++i) order.push_back(i * step % n);
  return order;
}

constexpr int64_t kWide = 1031;  // 64 rows of it are more than kBesideBytes
constexpr int64_t kBatch = 64;
static_assert(kBatch * kWide * 4 > BatchFeed::kBesideBytes);

void test_every_batch_is_right() {
  for (const int64_t width : {int64_t{3}, kWide}) {
    const std::vector<Array> data = {rows(451, width), rows(451, 1), rows(451, 0)};
    const std::vector<int64_t> order = stepped(451, 13);
    for (const int64_t first : {0, 3}) {
      BatchFeed feed({data, order, kBatch}, first, 7 - first);
      for (int64_t b = first; b < 7; ++b) {
        const auto inputs = feed.next();
        CHECK_EQ(feed.offered(), width == kWide && cpu::num_threads() > 1 && b < 6);
        const auto wanted = std::span(order).subspan(b * kBatch, kBatch);
        for (size_t i = 0; i < data.size(); ++i) CHECK(holds(inputs[i], data[i], wanted));
      }
    }
  }
}

// A step that holds on to its batch finds it unchanged.
void test_held_batches_do_not_change() {
  const std::vector<Array> data = {rows(640, kWide)};
  const std::vector<int64_t> order = stepped(640, 7);
  BatchFeed feed({data, order, kBatch}, 0, 10);
  std::vector<Array> held;
  for (int b = 0; b < 10; ++b) held.push_back(feed.next()[0]);
  for (int b = 0; b < 10; ++b) CHECK(holds(held[b], data[0], std::span(order).subspan(b * kBatch, kBatch)));
}

// Batches in place and copied ones take turns.
void test_mixed() {
  const std::vector<Array> data = {rows(256, kWide)};
  std::vector<int64_t> order = stepped(256, 3);
  for (int64_t i = 0; i < kBatch; ++i) order[kBatch + i] = 100 + i, order[3 * kBatch + i] = i;
  BatchFeed feed({data, order, kBatch}, 0, 4);
  for (int b = 0; b < 4; ++b) {
    const Array& batch = feed.next()[0];
    CHECK(holds(batch, data[0], std::span(order).subspan(b * kBatch, kBatch)));
    CHECK_EQ(batch.view.as<int32_t>() == data[0].view.as<int32_t>() + (b == 1 ? 100 : 0) * kWide, b % 2 == 1);
  }
}

// Work that idle threads take is done by them, and what they do not take, by the caller.
void test_idle_threads_help() {
  if (cpu::num_threads() == 1) return;
  const std::vector<Array> data = {rows(640, kWide)};
  const std::vector<int64_t> order = stepped(640, 7);
  BatchFeed feed({data, order, kBatch}, 0, 10);
  feed.next();  // starts the pool's threads
  std::span<const Array> batch;
  for (int b = 1; b < 10; ++b) {
    std::this_thread::sleep_for(std::chrono::milliseconds(b % 2));  // longer than an idle thread stays awake
    batch = feed.next();
    CHECK(holds(batch[0], data[0], std::span(order).subspan(b * kBatch, kBatch)));
  }
}

// Feeds that are left early, and several at once.
void test_left_early() {
  const std::vector<Array> data = {rows(640, kWide)};
  const std::vector<int64_t> order = stepped(640, 7);
  std::vector<std::thread> threads;
  for (int t = 0; t < 3; ++t) {
    threads.emplace_back([&, t] {
      for (int taken = 0; taken < 10; ++taken) {
        BatchFeed feed({data, order, kBatch}, 0, 10);
        for (int b = 0; b < taken; ++b) {
          if ((b + t) % 3 == 0) std::this_thread::yield();
          CHECK(holds(feed.next()[0], data[0], std::span(order).subspan(b * kBatch, kBatch)));
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

void test_one_step_offers_nothing() {
  const std::vector<Array> data = {rows(128, kWide)};
  const std::vector<int64_t> order = stepped(128, 3);
  BatchFeed feed({data, order, kBatch}, 1, 1);
  CHECK(holds(feed.next()[0], data[0], std::span(order).subspan(kBatch, kBatch)));
  CHECK(!feed.offered());
}

}  // namespace
}  // namespace ckeras

int main() {
  for (const int threads : {1, 2, 3}) {
    ckeras::cpu::set_num_threads(threads);
    ckeras::test_every_batch_is_right();
    ckeras::test_held_batches_do_not_change();
    ckeras::test_mixed();
    ckeras::test_idle_threads_help();
    ckeras::test_left_early();
    ckeras::test_one_step_offers_nothing();
  }
  return CHECK_RESULT();
}
