// A device with its memory and its stream, and arrays on it.
#pragma once
#include <functional>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>

#include "base/view.h"
#include "cuda/allocator.h"

namespace ckeras::cuda {

// A call of CUDA's that failed: what it was for, and what CUDA says.
class DeviceError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};
void expect(int error, const std::string& what);

class Device;

// Memory of a device that is given back with the last array that refers to it.
class Buffer {
 public:
  Buffer(std::shared_ptr<Device> device, void* data) : device_(std::move(device)), data_(data) {}
  // Memory of somebody else's: `give_back` is called instead.
  Buffer(std::shared_ptr<Device> device, void* data, std::function<void()> give_back)
      : device_(std::move(device)), data_(data), give_back_(std::move(give_back)) {}
  ~Buffer();
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  void* data() const { return data_; }

 private:
  std::shared_ptr<Device> device_;
  void* data_;
  std::function<void()> give_back_;
};

// A contiguous row-major array on a device: a plain value, copies share the memory.
struct DeviceArray {
  std::shared_ptr<Buffer> memory;
  View view{};
};

class Device : public std::enable_shared_from_this<Device> {
 public:
  // Throws DeviceError for a device that is not there.
  static std::shared_ptr<Device> open(int index);
  ~Device();
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;

  int index() const { return index_; }
  void* stream() const { return stream_; }
  void* feeding() const { return feeding_; }  // a second stream, for copies of inputs
  // Whoever queues work holds it, and calls enter(): CUDA's present device is the thread's own.
  std::recursive_mutex& queueing() { return queueing_; }
  void enter() const;

  // Of a view's shape and dtype, contents undefined. Throws OutOfMemory, which names `tensor`.
  DeviceArray empty(const View& type, const std::string& tensor);
  // With the elements of an array of the host, which may change when it returns.
  DeviceArray put(const View& host, const std::string& tensor);
  // Queues a copy from the host, by way of pinned memory; `host` may change when it returns.
  void send(void* to, const void* host, int64_t bytes, void* stream);
  // The elements to the host, after all work that was queued before.
  void fetch(const DeviceArray& array, void* host);
  void wait();

  struct Memory {
    int64_t in_use, peak, reserved;
  };
  Memory memory();
  void reset_peak();
  void release();  // memory that is kept but not in use goes back to the driver

 private:
  friend class Buffer;
  class Card;
  class Pinned;
  Device();
  void give(void* p);

  std::mutex mutex_;  // of the allocators
  std::recursive_mutex queueing_;
  std::unique_ptr<Card> card_;
  std::unique_ptr<Pinned> pinned_;
  std::unique_ptr<Allocator> allocator_, staging_;
  int index_ = 0;
  void *stream_ = nullptr, *feeding_ = nullptr;
};

}  // namespace ckeras::cuda
