// DLPack for memory of a device.
#pragma once
#include "cuda/device_array.h"

namespace ckeras::cuda {

// A managed tensor with the array's elements, once they are there: versioned, it shares the memory and says that it is
// read only; unversioned, it holds a copy.
void* export_array(Device& device, const DeviceArray& array, bool versioned);
void drop_export(void* managed, bool versioned);

// Takes over a managed tensor, also when it is refused: throws std::invalid_argument for memory of another device,
// elements that are not one after another, and dtypes that there are not.
DeviceArray import_array(const std::shared_ptr<Device>& device, void* managed, bool versioned);

}  // namespace ckeras::cuda
