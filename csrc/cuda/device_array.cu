#include "cuda/device_array.h"

#include "cuda/queue.h"

namespace ckeras::cuda {

void expect(int error, const std::string& what) {
  if (error != 0) throw DeviceError("the device failed at " + what + ": " + message(error));
}

class Device::Card : public Driver {
 public:
  void* take(int64_t bytes) override {
    void* p = nullptr;
    const int error = allocate(&p, bytes);
    if (is_out_of_memory(error)) return nullptr;
    expect(error, "an allocation");
    return p;
  }
  void give(void* segment) override { cuda::release(segment); }
  void* record(void* stream) override {
    void* event = nullptr;
    expect(record_event(&event, stream), "an event");
    return event;
  }
  bool passed(void* event) override {
    bool yes = false;
    expect(event_passed(event, &yes), "an event");
    return yes;
  }
  void forget(void* event) override { drop_event(event); }
  int64_t left() override {
    int64_t bytes = 0;
    return memory_left(&bytes) == 0 ? bytes : 0;
  }
};

Device::Device() : card_(std::make_unique<Card>()), allocator_(std::make_unique<Allocator>(*card_)) {}

std::shared_ptr<Device> Device::open(int index) {
  expect(use_device(index), "the choice of device " + std::to_string(index));
  std::shared_ptr<Device> device(new Device);
  expect(make_stream(&device->stream_), "a stream");
  return device;
}

// Every array holds its device, so none is left.
Device::~Device() {
  if (stream_ == nullptr) return;
  wait_for(stream_);
  drop_stream(stream_);
}

Buffer::~Buffer() { device_->give(data_); }
void Device::give(void* p) {
  const std::lock_guard lock(mutex_);
  allocator_->free(p);
}

DeviceArray Device::empty(const View& type, const std::string& tensor) {
  void* p = nullptr;
  {
    const std::lock_guard lock(mutex_);
    p = allocator_->allocate(type.nbytes(), stream_, tensor);
  }
  DeviceArray array = {std::make_shared<Buffer>(shared_from_this(), p), type};
  array.view.data = p;
  return array;
}

DeviceArray Device::put(const View& host, const std::string& tensor) {
  DeviceArray array = empty(host, tensor);
  wait();  // the memory may still be in use by work that was queued before
  expect(copy_in(array.view.data, host.data, host.nbytes()), "a copy of " + tensor + " to the device");
  return array;
}

void Device::fetch(const DeviceArray& array, void* host) {
  wait();
  expect(copy_out(host, array.view.data, array.view.nbytes()), "a copy from the device");
}

void Device::wait() { expect(wait_for(stream_), "the work queued"); }

Device::Memory Device::memory() {
  const std::lock_guard lock(mutex_);
  return {allocator_->in_use(), allocator_->peak(), allocator_->reserved()};
}
void Device::reset_peak() {
  const std::lock_guard lock(mutex_);
  allocator_->reset_peak();
}
void Device::release() {
  const std::lock_guard lock(mutex_);
  allocator_->release();
}

}  // namespace ckeras::cuda
