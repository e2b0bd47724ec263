#include "cuda/device_array.h"

#include <algorithm>
#include <cstring>

#include "cuda/queue.h"

namespace ckeras::cuda {
namespace {

constexpr int64_t kPiece = int64_t{16} << 20;  // of a copy by way of pinned memory

}  // namespace

void expect(int error, const std::string& what) {
  if (error == 0) return;
  if (is_loss(error)) {
    throw DeviceError("the GPU was lost at " + what + " (" + message(error) +
                      "), with all that lay on it; start the program again, or compute on 'cpu:0'");
  }
  throw DeviceError("the device failed at " + what + ": " + message(error));
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

class Device::Pinned : public Card {
 public:
  void* take(int64_t bytes) override {
    void* p = nullptr;
    return allocate_pinned(&p, bytes) == 0 ? p : nullptr;
  }
  void give(void* segment) override { release_pinned(segment); }
};

Device::Device()
    : card_(std::make_unique<Card>()),
      pinned_(std::make_unique<Pinned>()),
      allocator_(std::make_unique<Allocator>(*card_)),
      staging_(std::make_unique<Allocator>(*pinned_)) {}

std::shared_ptr<Device> Device::open(int index) {
  expect(use_device(index), "the choice of device " + std::to_string(index));
  std::shared_ptr<Device> device(new Device);
  device->index_ = index;
  expect(make_stream(&device->stream_), "a stream");
  expect(make_stream(&device->feeding_), "a stream");
  return device;
}

void Device::enter() const { expect(use_device(index_), "the choice of device " + std::to_string(index_)); }

// Every array holds its device, so none is left.
Device::~Device() {
  for (void* stream : {feeding_, stream_}) {
    if (stream == nullptr) continue;
    wait_for(stream);
    drop_stream(stream);
  }
}

Buffer::~Buffer() {
  if (give_back_) {
    give_back_();
  } else {
    device_->give(data_);
  }
}
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
  send(array.view.data, host.data, host.nbytes(), stream_);
  return array;
}

void Device::send(void* to, const void* host, int64_t bytes, void* stream) {
  for (int64_t at = 0; at < bytes; at += kPiece) {
    const int64_t piece = std::min(kPiece, bytes - at);
    const std::lock_guard lock(mutex_);
    if (staging_->reserved() > 8 * kPiece) expect(wait_for(stream), "the copies queued");
    void* const p = staging_->allocate(piece, nullptr, "pinned memory of the host for copies");
    std::memcpy(p, static_cast<const char*>(host) + at, static_cast<size_t>(piece));
    const int error = queue_copy_in(static_cast<char*>(to) + at, p, piece, stream);
    staging_->use_on(p, stream);
    staging_->free(p);
    expect(error, "a copy to the device");
  }
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
  staging_->release();
}

}  // namespace ckeras::cuda
