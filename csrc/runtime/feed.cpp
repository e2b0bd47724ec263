#include "runtime/feed.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <stdexcept>
#include <string>
#include <utility>

#include "cpu/parallel.h"
#include "cpu/thread_pool.h"

namespace ckeras {
namespace {

constexpr int64_t kChunkBytes = 16 * 1024;  // short: a thread that copies one cannot answer the step's kernels
constexpr int64_t kAloneBytes = 64 * 1024;

[[noreturn]] void refuse(const std::string& message) { throw std::invalid_argument("run_steps: " + message); }

int64_t row_bytes(const View& view) {
  int64_t bytes = size_of(view.dtype);
  for (int i = 1; i < view.rank; ++i) bytes *= view.shape[i];
  return bytes;
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

bool consecutive(std::span<const int64_t> rows) {
  for (size_t i = 1; i < rows.size(); ++i) {
    if (rows[i] != rows[i - 1] + 1) return false;
  }
  return true;
}

}  // namespace

// The copies of one batch, in chunks of rows that any thread may claim.
class RowCopier {
 public:
  void reset(std::span<const int64_t> rows) {
    rows_ = rows;
    copies_.clear();
    chunks_ = bytes_ = 0;
    claimed_.store(0, std::memory_order_relaxed);
  }

  void add(const View& from, const View& to) {
    const int64_t bytes = row_bytes(from);
    if (bytes == 0) return;
    const int64_t rows = std::max<int64_t>(kChunkBytes / bytes, 1);
    copies_.push_back({from.as<const char>(), to.as<char>(), bytes, rows, chunks_});
    chunks_ += (static_cast<int64_t>(rows_.size()) + rows - 1) / rows;
    bytes_ += static_cast<int64_t>(rows_.size()) * bytes;
  }

  bool empty() const { return chunks_ == 0; }

  // Copies a chunk; false when none is left to claim.
  bool work_once() noexcept {
    if (claimed_.load(std::memory_order_relaxed) >= chunks_) return false;
    const int64_t chunk = claimed_.fetch_add(1, std::memory_order_relaxed);
    if (chunk >= chunks_) return false;
    run(chunk);
    return true;
  }

  void work() noexcept {
    while (work_once()) {
    }
  }

  // The same on all threads, when there is work for several.
  void work_together() noexcept {
    if (bytes_ <= kAloneBytes) return work();
    const int64_t left = chunks_ - std::min(claimed_.load(std::memory_order_relaxed), chunks_);
    cpu::parallel_for(left, 1, [this](int64_t, int64_t) { work(); });
  }

 private:
  struct Copy {
    const char* from;
    char* to;
    int64_t row_bytes, chunk_rows, first_chunk;
  };

  void run(int64_t chunk) const noexcept {
    size_t k = copies_.size() - 1;
    while (copies_[k].first_chunk > chunk) --k;
    const Copy& copy = copies_[k];
    const int64_t begin = (chunk - copy.first_chunk) * copy.chunk_rows;
    const int64_t end = std::min(begin + copy.chunk_rows, static_cast<int64_t>(rows_.size()));
    for (int64_t i = begin; i < end; ++i) {
      std::memcpy(copy.to + i * copy.row_bytes, copy.from + rows_[i] * copy.row_bytes,
                  static_cast<size_t>(copy.row_bytes));
    }
  }

  std::span<const int64_t> rows_;
  std::vector<Copy> copies_;
  int64_t chunks_ = 0, bytes_ = 0;
  std::atomic<int64_t> claimed_{0};
};

BatchFeed::BatchFeed(const Batches& batches, int64_t first, int64_t count)
    : batches_(batches), at_(first), copier_(std::make_unique<RowCopier>()) {
  check(batches, first, count);
  end_ = first + count;
  int64_t bytes = 0;
  for (const Array& array : batches.data) bytes += row_bytes(array.view) * batches.batch;
  beside_ = bytes >= kBesideBytes;
  for (Set& set : sets_) {
    set.buffers.resize(batches.data.size());
    set.inputs.resize(batches.data.size());
  }
}

BatchFeed::~BatchFeed() { take_back(); }

void BatchFeed::take_back() {
  if (std::exchange(offered_, false)) cpu::withdraw();
}

void BatchFeed::lay_out(int64_t index, Set& set) {
  const auto rows = batches_.order.subspan(index * batches_.batch, batches_.batch);
  const bool in_place = consecutive(rows);
  copier_->reset(rows);
  for (size_t i = 0; i < set.inputs.size(); ++i) {
    const Array& data = batches_.data[i];
    Array& buffer = set.buffers[i];
    set.inputs[i] = {};  // lets go of the buffer
    if (in_place) {
      set.inputs[i] = data.slice0(rows[0], rows[0] + batches_.batch);
      continue;
    }
    if (!buffer.storage || !buffer.storage->exclusive()) {  // none yet, or a result holds it
      View view = data.view;
      view.shape[0] = batches_.batch;
      buffer = Array::empty({view.shape, static_cast<size_t>(view.rank)}, view.dtype);
    }
    copier_->add(data.view, buffer.view);
    set.inputs[i] = buffer;
  }
}

std::span<const Array> BatchFeed::next() {
  Set& now = sets_[beside_ ? at_ % 2 : 0];
  if (ready_ != at_) lay_out(at_, now);
  copier_->work_together();
  take_back();
  ++at_;
  if (beside_ && at_ < end_) {
    try {
      lay_out(at_, sets_[at_ % 2]);
      ready_ = at_;
      offered_ =
          !copier_->empty() &&
          cpu::offer([](void* copier) noexcept { return static_cast<RowCopier*>(copier)->work_once(); }, copier_.get());
    } catch (const OutOfMemory&) {  // this batch can still run; the next one says so itself
    }
  }
  return now.inputs;
}

}  // namespace ckeras
