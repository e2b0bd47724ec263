#include "cuda/dlpack.h"

#include "base/dlpack.h"
#include "cuda/queue.h"
#include "cuda/rewrite.h"

namespace ckeras::cuda {
namespace {

using namespace dlpack;

template <class Managed>
struct Exported {
  Managed managed{};
  DeviceArray array;
};

template <class Managed>
Managed* make_export(Device& device, DeviceArray array) {
  auto exported = std::make_unique<Exported<Managed>>();
  exported->array = std::move(array);
  View& view = exported->array.view;
  const Code code = kCodes[static_cast<int>(view.dtype)];
  exported->managed.tensor = {view.data,  {is_emulated() ? kCpu : kCuda, device.index()},
                              view.rank,  {code.code, code.bits, 1},
                              view.shape, nullptr,
                              0};
  exported->managed.context = exported.get();
  exported->managed.deleter = [](Managed* managed) { delete static_cast<Exported<Managed>*>(managed->context); };
  if constexpr (std::is_same_v<Managed, Versioned>) {
    exported->managed.version = {1, 0};
    exported->managed.flags = kReadOnly;
  }
  return &exported.release()->managed;
}

View view_of(const Device& device, const DLTensor& tensor) {
  const auto no = [](const std::string& why) { throw std::invalid_argument("[convert_to_tensor] DLPack: " + why); };
  if (tensor.device.type != (is_emulated() ? kCpu : kCuda) || tensor.device.id != device.index()) {
    no("the array lies on another device");
  }
  if (tensor.ndim < 0 || tensor.ndim > kMaxRank) no("too many dimensions");
  int dtype = 0;
  while (dtype < kDTypes && (kCodes[dtype].code != tensor.dtype.code || kCodes[dtype].bits != tensor.dtype.bits))
    ++dtype;
  if (dtype == kDTypes || tensor.dtype.lanes != 1) {
    no("dtype code " + std::to_string(tensor.dtype.code) + " with " + std::to_string(tensor.dtype.bits) +
       " bits is not supported");
  }
  View view{};
  view.dtype = static_cast<DType>(dtype);
  view.rank = tensor.ndim;
  for (int i = 0; i < view.rank; ++i) view.shape[i] = tensor.shape[i];
  int64_t stride = 1;
  for (int i = tensor.ndim - 1; tensor.strides != nullptr && view.size() > 1 && i >= 0; --i) {
    if (tensor.shape[i] != 1 && tensor.strides[i] != stride) {
      no("the elements do not lie one after another in row-major order; make a contiguous copy first");
    }
    stride *= tensor.shape[i];
  }
  view.data = static_cast<char*>(tensor.data) + tensor.byte_offset;
  return view;
}

template <class Managed>
DeviceArray import_as(const std::shared_ptr<Device>& device, Managed* managed) {
  const auto drop = [managed] {
    if (managed->deleter != nullptr) managed->deleter(managed);
  };
  try {
    const View view = view_of(*device, managed->tensor);
    // Work that reads it may still be queued when its last reference goes.
    auto done = [drop, at = device.get()] {
      {
        const std::lock_guard lock(at->queueing());
        wait_for(at->stream());
      }
      drop();
    };
    return {std::make_shared<Buffer>(device, view.data, done), view};
  } catch (...) {
    drop();
    throw;
  }
}

}  // namespace

void* export_array(Device& device, const DeviceArray& array, bool versioned) {
  DeviceArray given = array;
  if (!versioned) {
    given = device.empty(array.view, "a copy for another library");
    expect(queue_copy(given.view.data, array.view.data, array.view.nbytes(), device.stream()), "a copy");
  }
  device.wait();
  if (versioned) return make_export<Versioned>(device, std::move(given));
  return make_export<Unversioned>(device, std::move(given));
}

void drop_export(void* managed, bool versioned) {
  if (versioned) {
    static_cast<Versioned*>(managed)->deleter(static_cast<Versioned*>(managed));
  } else {
    static_cast<Unversioned*>(managed)->deleter(static_cast<Unversioned*>(managed));
  }
}

DeviceArray import_array(const std::shared_ptr<Device>& device, void* managed, bool versioned) {
  if (versioned) return import_as(device, static_cast<Versioned*>(managed));
  return import_as(device, static_cast<Unversioned*>(managed));
}

}  // namespace ckeras::cuda
