// CUDA on the host: the same kernel sources as plain C++, so that the tests run them under the sanitizers where there
// is no GPU. One block after another; a block's threads are fibers that take turns at barriers and warp exchanges, in
// rising or (turn_around) falling order: a kernel that lacks a barrier gives other results in one of the two.
//
// Refused as a device would, or as a device would not say: grids and blocks out of limits, more shared memory than
// asked for, a barrier that some threads of the block never reach. Shared memory is garbage at the start of each block.
#pragma once
#include <bit>
#include <cmath>
#include <cstdint>
#include <cstring>
#include <functional>
#include <vector>

namespace ckeras::emulate {

struct Grid {
  unsigned x = 1, y = 1, z = 1;
};

// Of the thread that runs now.
struct Here {
  Grid thread, block, block_size, grid_size;
  int linear = 0;  // number of the thread in its block
};
inline Here here;

// Threads in falling order from now on.
void turn_around(bool falling);

// body() once a thread. What is out of limits ends the program with a message: a test cannot go on from it.
void launch(const void* stream, Grid grid, Grid block, int64_t dynamic_bytes, const std::function<void()>& body);

// Launches on the stream go on this list from now on and are not done; null: they are done.
void note(std::vector<std::function<void()>>* list, const void* stream);
// That list, or null. Another stream than the noted one ends the program.
std::vector<std::function<void()>>* noted(const void* stream);

// The card is lost from now on, as after a kernel that met a bad address: calls of memory.cu answer ENODEV.
extern "C" void ckeras_emulated_lose();
bool is_lost();

void barrier();

// All lanes of the calling thread's warp give `value`; the result points to those of all 32 and holds until the lane's
// next exchange.
const uint64_t* exchange(uint64_t value);

// 16 bytes to shared memory, or zeros when `from` is null: at once in falling order, as late as the waits allow in
// rising. `wait_for_copies`: all but the last `left` groups of the calling thread are there.
void copy_async(void* to, const void* from);
void end_copies();
void wait_for_copies(int left);

// ---- of sm_90a (cuda/hopper.h)

// Bytes from the beginning of the block's dynamic shared memory.
uint32_t shared_address(const void* p);

void make_barrier(uint64_t* barrier, int count);
void arrive(uint64_t* barrier, int announced_bytes);
void wait_for_phase(uint64_t* barrier, int parity);

// An array of halves [z, y, x], x fastest, of which boxes are copied, their rows of 128 bytes swizzled.
struct TensorMap {
  const uint16_t* data;
  int64_t size[3], box[3];  // x, y, z
};
void bring_box(void* shared, const TensorMap& map, int64_t x, int64_t y, int64_t z, uint64_t* barrier);

// work() at once in falling order, at the wait for its group in rising.
void later(std::function<void()> work);
void end_products();
void wait_for_products(int left);

// What the tensor cores read for element (i, k) of an operand with this descriptor, swizzled in rows of 128 bytes that
// lie along the depth k, or `across` it (PTX ISA, "Matrix-descriptor format" and "Strides").
uint16_t half_at(uint64_t descriptor, int i, int k, bool across);

// Memory of the block that runs, one piece a tag, the same for all its threads.
void* shared(const void* tag, int64_t bytes);
void* dynamic_shared();

template <class T>
uint64_t bits_of_value(T value) {
  static_assert(sizeof(T) <= 8);
  uint64_t bits = 0;
  std::memcpy(&bits, &value, sizeof value);
  return bits;
}
template <class T>
T from_bits(uint64_t bits) {
  T value;
  std::memcpy(&value, &bits, sizeof value);
  return value;
}

}  // namespace ckeras::emulate

#define __global__
#define __device__
#define __host__
#define __forceinline__ inline
#define __restrict__ __restrict
#define __grid_constant__
#define __launch_bounds__(...)
#define threadIdx ::ckeras::emulate::here.thread
#define blockIdx ::ckeras::emulate::here.block
#define blockDim ::ckeras::emulate::here.block_size
#define gridDim ::ckeras::emulate::here.grid_size
#define CKERAS_SHARED(Type, name)   \
  static const char name##_tag = 0; \
  Type& name = *static_cast<Type*>(::ckeras::emulate::shared(&name##_tag, sizeof(Type)))
#define CKERAS_DYNAMIC_SHARED(Type, name) Type* const name = static_cast<Type*>(::ckeras::emulate::dynamic_shared())

inline void __syncthreads() { ckeras::emulate::barrier(); }
inline void __syncwarp() { ckeras::emulate::exchange(0); }
template <class T>
T __shfl_xor_sync(unsigned, T value, int lanes) {
  const int lane = ckeras::emulate::here.linear % 32;
  const uint64_t* values = ckeras::emulate::exchange(ckeras::emulate::bits_of_value(value));
  return ckeras::emulate::from_bits<T>(values[lane ^ lanes]);
}
template <class T>
T __shfl_sync(unsigned, T value, int from) {
  const uint64_t* values = ckeras::emulate::exchange(ckeras::emulate::bits_of_value(value));
  return ckeras::emulate::from_bits<T>(values[from % 32]);
}
