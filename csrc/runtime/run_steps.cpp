// Program::run_steps: batches are gathered here and handed to the Program without Python in between.
#include <algorithm>
#include <chrono>
#include <cstring>
#include <stdexcept>
#include <string>

#include "cpu/parallel.h"
#include "runtime/program.h"

namespace ckeras {
namespace {

using Clock = std::chrono::steady_clock;
constexpr auto kPollInterval = std::chrono::milliseconds(10);
constexpr int64_t kGatherGrainBytes = 64 * 1024;

[[noreturn]] void refuse(const std::string& message) { throw std::invalid_argument("run_steps: " + message); }

int64_t row_bytes(const View& view) {
  int64_t bytes = size_of(view.dtype);
  for (int i = 1; i < view.rank; ++i) bytes *= view.shape[i];
  return bytes;
}

View batch_view(const View& data, int64_t batch) {
  View view = data;
  view.shape[0] = batch;
  return view;
}

void check(const Batches& batches, int64_t first, int64_t count) {
  if (batches.batch < 1) refuse("batch must be at least 1, got " + std::to_string(batches.batch));
  if (first < 0 || count < 0) refuse("first and steps cannot be negative");
  int64_t end, stop;
  if (__builtin_add_overflow(first, count, &end) || __builtin_mul_overflow(end, batches.batch, &stop) ||
      stop > static_cast<int64_t>(batches.order.size())) {
    refuse("steps " + std::to_string(first) + " to " + std::to_string(first) + " + " + std::to_string(count) + " of " +
           std::to_string(batches.batch) + " rows need more than the " + std::to_string(batches.order.size()) +
           " entries of order");
  }
  int64_t rows = INT64_MAX;
  for (const Array& array : batches.data) {
    if (array.view.rank == 0) refuse("data must have a first axis to take rows from, got a scalar");
    rows = std::min(rows, array.view.shape[0]);
  }
  if (batches.data.empty()) return;
  for (const int64_t row : batches.order.subspan(first * batches.batch, count * batches.batch)) {
    if (row < 0 || row >= rows) {
      refuse("order names row " + std::to_string(row) + " but data has " + std::to_string(rows) + " rows");
    }
  }
}

// The rows of one batch: in place when they follow each other in `data`, otherwise copied into `buffer`, which is made
// when it is missing or still held by a result.
Array take(const Array& data, std::span<const int64_t> rows, Array* buffer) {
  const auto batch = static_cast<int64_t>(rows.size());
  bool consecutive = true;
  for (size_t i = 1; i < rows.size() && consecutive; ++i) consecutive = rows[i] == rows[i - 1] + 1;
  if (consecutive) return data.slice0(rows[0], rows[0] + batch);
  if (!buffer->storage || !buffer->storage->exclusive()) {
    const View view = batch_view(data.view, batch);
    *buffer = Array::empty({view.shape, static_cast<size_t>(view.rank)}, view.dtype);
  }
  const int64_t bytes = row_bytes(data.view);
  const char* source = data.view.as<const char>();
  char* target = buffer->view.as<char>();
  if (bytes == 0) return *buffer;
  cpu::parallel_for(batch, std::max<int64_t>(kGatherGrainBytes / bytes, 1), [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      std::memcpy(target + i * bytes, source + rows[i] * bytes, static_cast<size_t>(bytes));
    }
  });
  return *buffer;
}

}  // namespace

int64_t Program::run_steps(const Batches& batches, int64_t first, int64_t count, double seconds,
                           const std::function<bool()>& interrupted, std::vector<Array>* outputs) {
  check(batches, first, count);
  const auto start = Clock::now();
  auto polled = start;
  std::vector<Array> buffers(batches.data.size()), inputs(batches.data.size());
  int64_t done = 0;
  while (done < count) {
    const auto rows = batches.order.subspan((first + done) * batches.batch, batches.batch);
    for (size_t i = 0; i < inputs.size(); ++i) {
      inputs[i] = {};  // lets go of the buffer
      inputs[i] = take(batches.data[i], rows, &buffers[i]);
    }
    *outputs = run(inputs);
    ++done;
    const auto now = Clock::now();
    if (std::chrono::duration<double>(now - start).count() >= seconds) break;
    if (now - polled >= kPollInterval) {
      polled = now;
      if (interrupted()) break;
    }
  }
  return done;
}

}  // namespace ckeras
