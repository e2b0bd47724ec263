// A device with its memory and its stream, and arrays on it.
#pragma once
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
  ~Buffer();
  Buffer(const Buffer&) = delete;
  Buffer& operator=(const Buffer&) = delete;
  void* data() const { return data_; }

 private:
  std::shared_ptr<Device> device_;
  void* data_;
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

  void* stream() const { return stream_; }

  // Of a view's shape and dtype, contents undefined. Throws OutOfMemory, which names `tensor`.
  DeviceArray empty(const View& type, const std::string& tensor);
  // With the elements of an array of the host; done when it returns.
  DeviceArray put(const View& host, const std::string& tensor);
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
  Device();
  void give(void* p);

  std::mutex mutex_;  // of the allocator
  std::unique_ptr<Card> card_;
  std::unique_ptr<Allocator> allocator_;
  void* stream_ = nullptr;
};

}  // namespace ckeras::cuda
