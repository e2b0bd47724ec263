// What sm_90a adds, with its emulation on the host (testing/emulate.h): barriers in shared memory, tiles that the copy
// engine brings, products of a warp group whose operands the tensor cores read in shared memory (PTX ISA, "mbarrier",
// "cp.async.bulk.tensor", "wgmma"). Only for .cu files that are compiled for sm_90a alone.
#pragma once
#if defined(__CUDACC__)
#include <cuda.h>
#endif

#include "cuda/mma.h"

namespace ckeras::cuda {

#if defined(__CUDACC__)
using TensorMap = CUtensorMap;
#else
using TensorMap = emulate::TensorMap;
#endif

inline constexpr int kGroup = 128;     // threads of a warp group
inline constexpr int kSwizzled = 128;  // bytes of a tile's row; 16-byte pieces of row r lie at piece ^ r % 8

#if defined(__CUDACC__)
__device__ inline uint32_t shared_address(const void* p) { return static_cast<uint32_t>(__cvta_generic_to_shared(p)); }
#else
inline uint32_t shared_address(const void* p) { return emulate::shared_address(p); }
#endif

// ---- barriers: a phase ends when `count` threads have come and all bytes that were announced are there

__device__ inline void make_barrier(uint64_t* b, int count) {
#if defined(__CUDA_ARCH__)
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;" ::"r"(shared_address(b)), "r"(count) : "memory");
#elif !defined(__CUDACC__)
  emulate::make_barrier(b, count);
#endif
}
// Those made are seen by the copy engine.
__device__ inline void publish_barriers() {
#if defined(__CUDA_ARCH__)
  asm volatile("fence.mbarrier_init.release.cluster;" ::: "memory");
  asm volatile("fence.proxy.async.shared::cta;" ::: "memory");
#endif
}
__device__ inline void arrive(uint64_t* b) {
#if defined(__CUDA_ARCH__)
  asm volatile("mbarrier.arrive.shared::cta.b64 _, [%0];" ::"r"(shared_address(b)) : "memory");
#elif !defined(__CUDACC__)
  emulate::arrive(b, 0);
#endif
}
__device__ inline void arrive_expecting(uint64_t* b, int bytes) {
#if defined(__CUDA_ARCH__)
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;" ::"r"(shared_address(b)), "r"(bytes)
               : "memory");
#elif !defined(__CUDACC__)
  emulate::arrive(b, bytes);
#endif
}
// Until the phase of this parity (the first is 0) has ended.
__device__ inline void wait_for_phase(uint64_t* b, int parity) {
#if defined(__CUDA_ARCH__)
  uint32_t done;
  do {
    asm volatile(
        "{\n.reg .pred p;\n"
        "mbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2;\n"
        "selp.u32 %0, 1, 0, p;\n}"
        : "=r"(done)
        : "r"(shared_address(b)), "r"(parity)
        : "memory");
  } while (done == 0);
#elif !defined(__CUDACC__)
  emulate::wait_for_phase(b, parity);
#endif
}

// ---- the copy engine

// The box of the map from (x, y, z) on to `shared`, zeros outside; its bytes count at the barrier.
__device__ inline void copy_box(void* shared, const TensorMap& map, int64_t x, int64_t y, int64_t z,
                                uint64_t* barrier) {
#if defined(__CUDA_ARCH__)
  asm volatile(
      "cp.async.bulk.tensor.3d.shared::cluster.global.mbarrier::complete_tx::bytes [%0], [%1, {%2, %3, %4}], [%5];" ::
          "r"(shared_address(shared)),
      "l"(&map), "r"(static_cast<int>(x)), "r"(static_cast<int>(y)), "r"(static_cast<int>(z)),
      "r"(shared_address(barrier))
      : "memory");
#elif !defined(__CUDACC__)
  emulate::bring_box(shared, map, x, y, z, barrier);
#endif
}

// ---- products of a warp group

// Of an operand in shared memory, rows of 128 swizzled bytes, eight of them `rows` bytes from the next eight. When the
// rows lie across the depth, what is beyond the 64 of its own index lies `columns` bytes on.
__device__ inline uint64_t operand_at(uint32_t address, uint32_t columns, uint32_t rows) {
  const auto field = [](uint32_t bytes) { return uint64_t{bytes >> 4 & 0x3fff}; };
  return field(address) | field(columns) << 16 | field(rows) << 32 | uint64_t{1} << 62;
}

// Registers that the tensor cores write next are theirs from here on.
__device__ inline void begin_products() {
#if defined(__CUDA_ARCH__)
  asm volatile("wgmma.fence.sync.aligned;" ::: "memory");
#endif
}
__device__ inline void end_products() {
#if defined(__CUDA_ARCH__)
  asm volatile("wgmma.commit_group.sync.aligned;" ::: "memory");
#elif !defined(__CUDACC__)
  emulate::end_products();
#endif
}
// All but the last kLeft groups are done.
template <int kLeft>
__device__ void wait_for_products() {
#if defined(__CUDA_ARCH__)
  asm volatile("wgmma.wait_group.sync.aligned %0;" ::"n"(kLeft) : "memory");
#elif !defined(__CUDACC__)
  emulate::wait_for_products(kLeft);
#endif
}

// d += a b, [64 x 16] [16 x 128], not done before the wait. Lane l of warp w of the group has rows 16 w + l / 4 + {0,
// 8} and of each 8 columns 2 (l % 4) + {0, 1}, as mma's c. kAcross: the operand's rows lie across the depth.
template <class S, bool kAcrossA, bool kAcrossB>
__device__ void multiply_group(float (&d)[64], uint64_t a, uint64_t b) {
#if defined(__CUDA_ARCH__)
#define CKERAS_WGMMA(type)                                                                                             \
  asm volatile("wgmma.mma_async.sync.aligned.m64n128k16.f32." type "." type                                            \
               " {"                                                                                                    \
               "%0, %1, %2, %3, %4, %5, %6, %7, %8, %9, %10, %11, %12, %13, %14, %15, "                                \
               "%16, %17, %18, %19, %20, %21, %22, %23, %24, %25, %26, %27, %28, %29, %30, %31, "                      \
               "%32, %33, %34, %35, %36, %37, %38, %39, %40, %41, %42, %43, %44, %45, %46, %47, "                      \
               "%48, %49, %50, %51, %52, %53, %54, %55, %56, %57, %58, %59, %60, %61, %62, %63"                        \
               "}, %64, %65, 1, 1, 1, %66, %67;"                                                                       \
               : "+f"(d[0]), "+f"(d[1]), "+f"(d[2]), "+f"(d[3]), "+f"(d[4]), "+f"(d[5]), "+f"(d[6]), "+f"(d[7]),       \
                 "+f"(d[8]), "+f"(d[9]), "+f"(d[10]), "+f"(d[11]), "+f"(d[12]), "+f"(d[13]), "+f"(d[14]), "+f"(d[15]), \
                 "+f"(d[16]), "+f"(d[17]), "+f"(d[18]), "+f"(d[19]), "+f"(d[20]), "+f"(d[21]), "+f"(d[22]),            \
                 "+f"(d[23]), "+f"(d[24]), "+f"(d[25]), "+f"(d[26]), "+f"(d[27]), "+f"(d[28]), "+f"(d[29]),            \
                 "+f"(d[30]), "+f"(d[31]), "+f"(d[32]), "+f"(d[33]), "+f"(d[34]), "+f"(d[35]), "+f"(d[36]),            \
                 "+f"(d[37]), "+f"(d[38]), "+f"(d[39]), "+f"(d[40]), "+f"(d[41]), "+f"(d[42]), "+f"(d[43]),            \
                 "+f"(d[44]), "+f"(d[45]), "+f"(d[46]), "+f"(d[47]), "+f"(d[48]), "+f"(d[49]), "+f"(d[50]),            \
                 "+f"(d[51]), "+f"(d[52]), "+f"(d[53]), "+f"(d[54]), "+f"(d[55]), "+f"(d[56]), "+f"(d[57]),            \
                 "+f"(d[58]), "+f"(d[59]), "+f"(d[60]), "+f"(d[61]), "+f"(d[62]), "+f"(d[63])                          \
               : "l"(a), "l"(b), "n"(int{kAcrossA}), "n"(int{kAcrossB}))
  if constexpr (__is_same(S, Half<BF16Bits>)) {
    CKERAS_WGMMA("bf16");
  } else {
    CKERAS_WGMMA("f16");
  }
#undef CKERAS_WGMMA
#elif !defined(__CUDACC__)
  emulate::later([&d, a, b, thread = emulate::here.linear % kGroup] {
    const int lane = thread % kWarp;
    for (int i = 0; i < 64; ++i) {
      const int m = thread / kWarp * 16 + lane / 4 + i / 2 % 2 * 8, n = i / 4 * 8 + lane % 4 * 2 + i % 2;
      for (int k = 0; k < 16; ++k) {
        d[i] += S::get(emulate::half_at(a, m, k, kAcrossA)) * S::get(emulate::half_at(b, n, k, kAcrossB));
      }
    }
  });
#endif
}

}  // namespace ckeras::cuda
