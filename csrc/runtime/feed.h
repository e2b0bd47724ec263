// The batches of Program::run_steps: rows of a data set in a given order, the next batch copied beside the present
// step.
#pragma once
#include <memory>
#include <span>
#include <vector>

#include "runtime/array.h"

namespace ckeras {

// Row numbers of a data set in the order in which batches take them.
struct Batches {
  std::span<const Array> data;     // input i of a step is data[i] gathered at the batch's rows
  std::span<const int64_t> order;  // batch b takes order[b * batch, (b + 1) * batch)
  int64_t batch;
};

class RowCopier;

// Hands out batches first, first + 1, ... first + count - 1, in turn. A batch of consecutive rows is read in place, any
// other is copied into a buffer. From kBesideBytes a batch on there are two buffers, and threads of the pool that the
// present step leaves idle copy the next batch; who copies never shows in the bytes.
class BatchFeed {
 public:
  static constexpr int64_t kBesideBytes = 256 * 1024;

  // Throws std::invalid_argument for batches outside `order` and rows outside the data.
  BatchFeed(const Batches& batches, int64_t first, int64_t count);
  ~BatchFeed();

  // The next batch, valid until the next call. Throws OutOfMemory.
  std::span<const Array> next();

  // The next batch is on offer to idle threads.
  bool offered() const { return offered_; }

 private:
  struct Set {
    std::vector<Array> buffers, inputs;
  };

  // Fills in the inputs of batch `index` that lie in place, makes buffers for the others and lists their copies.
  void lay_out(int64_t index, Set& set);
  void take_back();

  const Batches batches_;
  int64_t at_, end_;
  Set sets_[2];
  bool beside_ = false, offered_ = false;
  int64_t ready_ = -1;  // the batch whose copies are under way
  std::unique_ptr<RowCopier> copier_;
};

}  // namespace ckeras
