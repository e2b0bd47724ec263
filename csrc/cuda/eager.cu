#include "cuda/eager.h"

namespace ckeras::cuda {

std::vector<DeviceArray> run_op(Device& device, int op, std::span<const DeviceArray> in, std::span<const View> out,
                                std::span<const int64_t> ints, std::span<const double> floats) {
  const char* const name = name_of_op(op);
  if (name == nullptr) throw std::invalid_argument("no op has the id " + std::to_string(op));
  const DeviceKernel* const kernel = has_kernel(op) ? find_kernel(name) : nullptr;
  if (kernel == nullptr && has_kernel(op)) {
    throw std::invalid_argument(std::string(name) + " has no kernel for a device yet");
  }
  const std::lock_guard lock(device.queueing());
  device.enter();
  std::vector<View> in_views, out_views;
  std::vector<DeviceArray> results;
  for (const DeviceArray& array : in) in_views.push_back(array.view);
  for (const View& type : out) {
    results.push_back(device.empty(type, std::string("the result of ") + name + ", " + describe_type(type) + ","));
    out_views.push_back(results.back().view);
  }
  Call call = {
      in_views.data(), out_views.data(), static_cast<int32_t>(in.size()),   static_cast<int32_t>(out.size()),
      ints.data(),     floats.data(),    static_cast<int32_t>(ints.size()), static_cast<int32_t>(floats.size()),
      nullptr,         nullptr};
  View bytes{};
  bytes.rank = 1;
  bytes.dtype = DType::U8;
  bytes.shape[0] = static_cast<int64_t>(sizeof(Fault));
  const DeviceArray fault = device.empty(bytes, "a fault");
  call.fault = fault.view.as<Fault>();
  DeviceArray workspace;
  if (kernel != nullptr && kernel->workspace != nullptr) {
    bytes.shape[0] = kernel->workspace(call);
    workspace = device.empty(bytes, std::string("the workspace of ") + name);
    call.workspace = workspace.view.data;
  }
  Queue queue;
  queue.stream = device.stream();
  queue.error = queue_fill(call.fault, 0, static_cast<int64_t>(sizeof(Fault)), queue.stream);
  const Status status = kernel != nullptr ? kernel->run(call, queue) : run_elementwise(op, call, queue);
  if (status != Status::Launched) {
    throw std::invalid_argument(std::string(name) + " has no kernel on a device for " +
                                (in.empty() ? describe_type(out[0]) : describe_type(in[0].view)));
  }
  expect(queue.error, name);
  if (kernel != nullptr && kernel->faults == kMayFault) {
    Fault found;
    device.fetch(fault, &found);
    if (found.code != 0) throw DeviceFault(name, found);
  }
  return results;
}

}  // namespace ckeras::cuda
