// Memory of the device: CUDA's, or the host's where kernels are emulated.
#include "cuda/device.h"

#if !defined(__CUDACC__)
#include <cstdlib>
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
int device_count() {
  int n = 0;
  return cudaGetDeviceCount(&n) == cudaSuccess ? n : 0;
}
const char* message(int error) { return cudaGetErrorString(static_cast<cudaError_t>(error)); }

#else

// Of the very size, so that the address sanitizer sees what lies beyond.
int allocate(void** p, int64_t bytes) { return posix_memalign(p, 64, static_cast<size_t>(bytes)); }
int release(void* p) {
  std::free(p);
  return 0;
}
int copy_in(void* device, const void* host, int64_t bytes) {
  if (bytes > 0) std::memcpy(device, host, static_cast<size_t>(bytes));
  return 0;
}
int copy_out(void* host, const void* device, int64_t bytes) { return copy_in(host, device, bytes); }
int fill(void* device, int byte, int64_t bytes) {
  if (bytes > 0) std::memset(device, byte, static_cast<size_t>(bytes));
  return 0;
}
int device_count() { return 1; }
const char* message(int error) { return std::strerror(error); }

#endif

}  // namespace ckeras::cuda
