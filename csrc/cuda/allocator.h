// Memory of a device, kept when it is freed and given out again: asking the driver takes long and waits for the device.
// Segments are taken as they are needed, never the whole card, and cut into blocks; neighbours that are free join
// again.
//
// Freeing is ordered by streams: the host frees a block while work that uses it may still be queued, so a block is
// given out again at once to the stream that it was made for, whose work comes later, and to no other. Where another
// stream used it too (use_on), it waits until an event on that stream has passed.
//
// One device, one thread at a time: the caller has the lock.
#pragma once
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

namespace ckeras::cuda {

// What an allocator asks of a driver; tests have one of their own.
class Driver {
 public:
  virtual ~Driver() = default;
  virtual void* take(int64_t bytes) = 0;   // null: there is not as much
  virtual void give(void* segment) = 0;    // after all work of the device
  virtual void* record(void* stream) = 0;  // an event after what is queued on the stream so far
  virtual bool passed(void* event) = 0;
  virtual void forget(void* event) = 0;
  virtual int64_t left() = 0;  // bytes that the card still has, as far as the driver knows; for messages
};

// Names the tensor and what was asked for. The allocator is as it was before.
class OutOfMemory : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

class Allocator {
 public:
  static constexpr int64_t kUnit = 512;                   // sizes and addresses of blocks are multiples
  static constexpr int64_t kSmallest = int64_t{2} << 20;  // of a segment

  explicit Allocator(Driver& driver) : driver_(driver) {}
  ~Allocator();  // every segment, also of blocks that were not freed
  Allocator(const Allocator&) = delete;
  Allocator& operator=(const Allocator&) = delete;

  // At least `bytes` (0 gives an address too) for work on `stream`. `tensor` is for the message. Throws OutOfMemory,
  // std::invalid_argument for less than 0.
  void* allocate(int64_t bytes, void* stream, const std::string& tensor);
  // A block of allocate(), once. Throws std::invalid_argument for what is none.
  void free(void* block);
  // Work on another stream reads or writes the block from now on.
  void use_on(void* block, void* stream);
  // Segments without a block in use go back to the driver.
  void release();

  int64_t in_use() const { return in_use_; }      // bytes of blocks that were not freed
  int64_t peak() const { return peak_; }          // the most of that
  int64_t reserved() const { return reserved_; }  // bytes of segments
  void reset_peak() { peak_ = in_use_; }

 private:
  struct Block {
    char* p;
    int64_t size;
    void* stream;           // whose it is; of the whole segment
    Block *before, *after;  // neighbours in the segment
    bool free;
    std::set<void*> users;  // other streams
  };
  struct Waiting {
    Block* block;
    std::vector<void*> events;
  };
  struct BySize {
    bool operator()(const Block* a, const Block* b) const;
  };

  Block* find(int64_t bytes, void* stream);
  Block* grow(int64_t bytes, void* stream);
  void cut(Block* block, int64_t bytes);
  void return_block(Block* block);
  void settle();
  [[noreturn]] void refuse(int64_t bytes, const std::string& tensor);

  Driver& driver_;
  std::set<Block*, BySize> free_;
  std::map<void*, std::unique_ptr<Block>> blocks_;  // by address
  std::vector<Waiting> waiting_;
  int64_t in_use_ = 0, peak_ = 0, reserved_ = 0;
};

}  // namespace ckeras::cuda
