// Memory, streams and events of the device: CUDA's, or the host's where kernels are emulated.
#include "cuda/device.h"

#if !defined(__CUDACC__)
#include <cerrno>
#include <cstdlib>
#include <vector>
#endif

namespace ckeras::cuda {

#if defined(__CUDACC__)

int allocate(void** p, int64_t bytes) { return cudaMalloc(p, static_cast<size_t>(bytes < 1 ? 1 : bytes)); }
int release(void* p) { return cudaFree(p); }
int copy_in(void* device, const void* host, int64_t bytes) {
  return cudaMemcpy(device, host, static_cast<size_t>(bytes), cudaMemcpyHostToDevice);
}
int copy_out(void* host, const void* device, int64_t bytes) {
  return cudaMemcpy(host, device, static_cast<size_t>(bytes), cudaMemcpyDeviceToHost);
}
int fill(void* device, int byte, int64_t bytes) { return cudaMemset(device, byte, static_cast<size_t>(bytes)); }
bool is_emulated() { return false; }
int device_count() {
  int n = 0;
  return cudaGetDeviceCount(&n) == cudaSuccess ? n : 0;
}
const char* message(int error) { return cudaGetErrorString(static_cast<cudaError_t>(error)); }
bool is_out_of_memory(int error) { return error == cudaErrorMemoryAllocation; }
bool is_loss(int error) {
  switch (error) {
    case cudaErrorIllegalAddress:
    case cudaErrorMisalignedAddress:
    case cudaErrorInvalidAddressSpace:
    case cudaErrorInvalidPc:
    case cudaErrorIllegalInstruction:
    case cudaErrorHardwareStackError:
    case cudaErrorAssert:
    case cudaErrorLaunchFailure:
    case cudaErrorLaunchTimeout:
    case cudaErrorECCUncorrectable:
    case cudaErrorNvlinkUncorrectable:
    case cudaErrorContextIsDestroyed:
    case cudaErrorDevicesUnavailable:
    case cudaErrorUnknown:
      return true;
    default:
      return false;
  }
}

namespace {
cudaStream_t of(void* stream) { return static_cast<cudaStream_t>(stream); }
}  // namespace

int use_device(int index) { return cudaSetDevice(index); }
int make_stream(void** stream) {
  return cudaStreamCreateWithFlags(reinterpret_cast<cudaStream_t*>(stream), cudaStreamNonBlocking);
}
int drop_stream(void* stream) { return cudaStreamDestroy(of(stream)); }
int wait_for(void* stream) { return cudaStreamSynchronize(of(stream)); }
int record_event(void** event, void* stream) {
  cudaEvent_t* const made = reinterpret_cast<cudaEvent_t*>(event);
  const cudaError_t error = cudaEventCreateWithFlags(made, cudaEventDisableTiming);
  return error != cudaSuccess ? error : cudaEventRecord(*made, of(stream));
}
int event_passed(void* event, bool* passed) {
  const cudaError_t error = cudaEventQuery(static_cast<cudaEvent_t>(event));
  *passed = error == cudaSuccess;
  return error == cudaErrorNotReady ? cudaSuccess : error;
}
int drop_event(void* event) { return cudaEventDestroy(static_cast<cudaEvent_t>(event)); }
int make_event(void** event) {
  return cudaEventCreateWithFlags(reinterpret_cast<cudaEvent_t*>(event), cudaEventDisableTiming);
}
int record_again(void* event, void* stream) { return cudaEventRecord(static_cast<cudaEvent_t>(event), of(stream)); }
int wait_for_event(void* event) { return cudaEventSynchronize(static_cast<cudaEvent_t>(event)); }
int wait_on_stream(void* stream, void* event) {
  return cudaStreamWaitEvent(of(stream), static_cast<cudaEvent_t>(event), 0);
}
int allocate_pinned(void** p, int64_t bytes) {
  return cudaHostAlloc(p, static_cast<size_t>(bytes < 1 ? 1 : bytes), cudaHostAllocDefault);
}
int release_pinned(void* p) { return cudaFreeHost(p); }
int memory_left(int64_t* bytes) {
  size_t left = 0, all = 0;
  const cudaError_t error = cudaMemGetInfo(&left, &all);
  *bytes = static_cast<int64_t>(left);
  return error;
}
int queue_copy(void* to, const void* from, int64_t bytes, void* stream) {
  return bytes == 0 ? 0 : cudaMemcpyAsync(to, from, static_cast<size_t>(bytes), cudaMemcpyDeviceToDevice, of(stream));
}
int queue_copy_in(void* device, const void* pinned, int64_t bytes, void* stream) {
  return bytes == 0 ? 0
                    : cudaMemcpyAsync(device, pinned, static_cast<size_t>(bytes), cudaMemcpyHostToDevice, of(stream));
}
int queue_fill(void* device, int byte, int64_t bytes, void* stream) {
  return bytes == 0 ? 0 : cudaMemsetAsync(device, byte, static_cast<size_t>(bytes), of(stream));
}

#else

// Of the very size, so that the address sanitizer sees what lies beyond.
int allocate(void** p, int64_t bytes) {
  return emulate::is_lost() ? ENODEV : posix_memalign(p, 64, static_cast<size_t>(bytes));
}
int release(void* p) {
  std::free(p);
  return 0;
}
int copy_in(void* device, const void* host, int64_t bytes) {
  if (emulate::is_lost()) return ENODEV;
  if (bytes > 0) std::memcpy(device, host, static_cast<size_t>(bytes));
  return 0;
}
int copy_out(void* host, const void* device, int64_t bytes) { return copy_in(host, device, bytes); }
int fill(void* device, int byte, int64_t bytes) {
  if (bytes > 0) std::memset(device, byte, static_cast<size_t>(bytes));
  return 0;
}
bool is_emulated() { return true; }
int device_count() { return 1; }
const char* message(int error) { return std::strerror(error); }
bool is_out_of_memory(int error) { return error == ENOMEM; }
bool is_loss(int error) { return error == ENODEV; }

// A stream is nothing but an address: all is done at once, or noted.
namespace {
using Work = std::vector<std::function<void()> >;
void now_or_noted(const void* stream, std::function<void()> work) {
  if (Work* noted = emulate::noted(stream)) {
    noted->push_back(std::move(work));
  } else {
    work();
  }
}
}  // namespace

int use_device(int index) { return index == 0 ? 0 : ENXIO; }
int make_stream(void** stream) {
  *stream = std::malloc(1);
  return *stream == nullptr ? ENOMEM : 0;
}
int drop_stream(void* stream) { return release(stream); }
int wait_for(void* stream) { return emulate::is_lost() ? ENODEV : emulate::noted(stream) != nullptr ? EBUSY : 0; }
int record_event(void** event, void*) { return make_stream(event); }
int event_passed(void*, bool* passed) {
  *passed = true;
  return 0;
}
int drop_event(void* event) { return release(event); }
int make_event(void** event) { return make_stream(event); }
int record_again(void*, void*) { return 0; }
int wait_for_event(void*) { return 0; }
int wait_on_stream(void*, void*) { return 0; }
int allocate_pinned(void** p, int64_t bytes) { return allocate(p, bytes); }
int release_pinned(void* p) { return release(p); }
int memory_left(int64_t* bytes) {
  *bytes = 0;
  return 0;
}
int queue_copy(void* to, const void* from, int64_t bytes, void* stream) {
  now_or_noted(stream, [=] { copy_in(to, from, bytes); });
  return 0;
}
int queue_copy_in(void* device, const void* pinned, int64_t bytes, void* stream) {
  return queue_copy(device, pinned, bytes, stream);
}
int queue_fill(void* device, int byte, int64_t bytes, void* stream) {
  now_or_noted(stream, [=] { fill(device, byte, bytes); });
  return 0;
}

#endif

}  // namespace ckeras::cuda
