// What a warp and its tensor cores do together from sm_80 on (PTX ISA, "Warp-level matrix instructions"), and on the
// host the same with what each lane holds, as the PTX manual lays it out. Only for .cu files.
//
// Halves are uint16_t; a register is a pair of them, the first in the low bits. Lane l is row g = l / 4, pair t = l %
// 4:
//   a  [16 x 16]  (g, 2t) (g + 8, 2t) (g, 2t + 8) (g + 8, 2t + 8), each with its right neighbour
//   b  [16 x 8]   (2t, g) (2t + 8, g), each with the one below
//   c  [16 x 8]   (g, 2t) (g, 2t + 1) (g + 8, 2t) (g + 8, 2t + 1)
// Of float32 a register is one number, and half the depth is multiplied:
//   a  [16 x 8]   (g, t) (g + 8, t) (g, t + 4) (g + 8, t + 4)
//   b  [8 x 8]    (t, g) (t + 4, g)
#pragma once
#include "cuda/device.h"

namespace ckeras::cuda {

// Halves after a row of a panel in shared memory: eight rows then lie in different banks.
inline constexpr int kPad = 8;

// c += a b in float32. S: of ops/storage.h; float32 are rounded to TF32 already.
template <class S>
__device__ void multiply_add(float (&c)[4], const uint32_t (&a)[4], const uint32_t (&b)[2]) {
#if defined(__CUDA_ARCH__)
  if constexpr (__is_same(S, Half<BF16Bits>)) {
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
  } else if constexpr (__is_same(S, Plain<float>)) {
    asm volatile(
        "mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
  } else {
    asm volatile(
        "mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {%0,%1,%2,%3}, {%4,%5,%6,%7}, {%8,%9}, {%0,%1,%2,%3};"
        : "+f"(c[0]), "+f"(c[1]), "+f"(c[2]), "+f"(c[3])
        : "r"(a[0]), "r"(a[1]), "r"(a[2]), "r"(a[3]), "r"(b[0]), "r"(b[1]));
  }
#elif !defined(__CUDACC__)
  uint64_t all[3][kWarp];
  const uint64_t mine[3] = {uint64_t{a[1]} << 32 | a[0], uint64_t{a[3]} << 32 | a[2], uint64_t{b[1]} << 32 | b[0]};
  for (int i = 0; i < 3; ++i) std::memcpy(all[i], emulate::exchange(mine[i]), sizeof all[i]);
  const int lane = emulate::here.linear % kWarp, row = lane / 4;
  constexpr int kEach = S::kHalf ? 2 : 1;  // numbers in a register
  const auto number = [](uint64_t bits, int which) {
    if constexpr (S::kHalf) {
      return S::get(static_cast<uint16_t>(bits >> (16 * which)));
    } else {
      return __builtin_bit_cast(float, static_cast<uint32_t>(bits));
    }
  };
  for (int e = 0; e < 4; ++e) {
    const int m = row + 8 * (e / 2), n = 2 * (lane % 4) + e % 2;
    for (int k = 0; k < 8 * kEach; ++k) {
      const int place = k / kEach % 4, high = k / kEach / 4;  // a: registers 2 high + m / 8; b: register high
      c[e] += number(all[high][m % 8 * 4 + place] >> (32 * (m / 8)), k % kEach) *
              number(all[2][n * 4 + place] >> (32 * high), k % kEach);
    }
  }
#endif
}

// Four matrices of 8 x 8 halves in shared memory, whose rows' addresses the lanes give, eight a matrix: register i is
// the pair (g, 2t), (g, 2t + 1) of matrix i, or turned the pair (2t, g), (2t + 1, g).
template <bool kTurned>
__device__ void load_matrices(uint32_t (&r)[4], const uint16_t* row) {
#if defined(__CUDA_ARCH__)
  const unsigned address = static_cast<unsigned>(__cvta_generic_to_shared(row));
  if constexpr (kTurned) {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.trans.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(address)
                 : "memory");
  } else {
    asm volatile("ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%0,%1,%2,%3}, [%4];"
                 : "=r"(r[0]), "=r"(r[1]), "=r"(r[2]), "=r"(r[3])
                 : "r"(address)
                 : "memory");
  }
#elif !defined(__CUDACC__)
  if (reinterpret_cast<uintptr_t>(row) % 16 != 0) std::abort();
  const uint64_t* rows = emulate::exchange(reinterpret_cast<uint64_t>(row));
  const int lane = emulate::here.linear % kWarp, g = lane / 4, t = lane % 4;
  for (int i = 0; i < 4; ++i) {
    uint16_t pair[2];
    for (int j = 0; j < 2; ++j) {
      const int line = kTurned ? 2 * t + j : g, column = kTurned ? g : 2 * t + j;
      pair[j] = reinterpret_cast<const uint16_t*>(rows[8 * i + line])[column];
    }
    r[i] = static_cast<uint32_t>(pair[1]) << 16 | pair[0];
  }
#endif
}

// Four 8 x 8 matrices of a panel in shared memory, from its own index i and depth k on: in the order of an a (kLeft),
// or of two b side by side. kDeep: a row of the panel, `step` halves after the one before, is one of i and lies along
// k; else it is one of k.
template <bool kDeep, bool kLeft>
__device__ void load_square(uint32_t (&r)[4], const uint16_t* panel, int step, int i, int k) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp, matrix = lane / 8, line = lane % 8;
  i += (kLeft ? matrix % 2 : matrix / 2) * 8;
  k += (kLeft ? matrix / 2 : matrix % 2) * 8;
  load_matrices<!kDeep>(r, panel + (kDeep ? (i + line) * step + k : (k + line) * step + i));
}

// A float32 as the tensor cores take it: ten bits of its mantissa, ties away from zero.
__device__ inline uint32_t to_tf32(uint32_t bits) {
#if defined(__CUDA_ARCH__)
  uint32_t r;
  asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(r) : "f"(__uint_as_float(bits)));
  return r;
#else
  return (bits & 0x7f800000u) == 0x7f800000u ? bits : (bits + 0x1000u) & ~0x1fffu;
#endif
}

// The same of float32, 8 x 4 and rounded.
template <bool kDeep, bool kLeft>
__device__ void load_square(uint32_t (&r)[4], const float* panel, int step, int i, int k) {
  const int lane = static_cast<int>(threadIdx.x) % kWarp;
  const auto own = [](int matrix) { return (kLeft ? matrix % 2 : matrix / 2) * 8; };
  const auto deep = [](int matrix) { return (kLeft ? matrix / 2 : matrix % 2) * 4; };
  if constexpr (kDeep) {
    const float* row = panel + (i + own(lane / 8) + lane % 8) * step + k + deep(lane / 8);
    load_matrices<false>(r, reinterpret_cast<const uint16_t*>(row));
  } else {
    CKERAS_UNROLL
    for (int m = 0; m < 4; ++m) {
      r[m] = __builtin_bit_cast(uint32_t, panel[(k + deep(m) + lane % 4) * step + i + own(m) + lane / 4]);
    }
  }
  CKERAS_UNROLL
  for (int m = 0; m < 4; ++m) r[m] = to_tf32(r[m]);
}

// Two numbers as halves in a register.
template <class S>
__device__ uint32_t pack(float low, float high) {
#if defined(__CUDA_ARCH__)
  uint32_t r;
  if constexpr (__is_same(S, Half<BF16Bits>)) {
    asm("cvt.rn.bf16x2.f32 %0, %1, %2;" : "=r"(r) : "f"(high), "f"(low));
  } else {
    asm("cvt.rn.f16x2.f32 %0, %1, %2;" : "=r"(r) : "f"(high), "f"(low));
  }
  return r;
#else
  return static_cast<uint32_t>(S::put(high)) << 16 | S::put(low);
#endif
}

// 16 bytes to shared memory, or zeros where they are not there; done after the wait for its group.
__device__ inline void copy_async(void* shared, const void* global, bool there) {
#if defined(__CUDA_ARCH__)
  asm volatile(
      "cp.async.cg.shared.global [%0], [%1], 16, %2;" ::"r"(static_cast<unsigned>(__cvta_generic_to_shared(shared))),
      "l"(global), "r"(there ? 16 : 0)
      : "memory");
#elif !defined(__CUDACC__)
  emulate::copy_async(shared, there ? global : nullptr);
#endif
}
__device__ inline void end_group() {
#if defined(__CUDA_ARCH__)
  asm volatile("cp.async.commit_group;" ::: "memory");
#elif !defined(__CUDACC__)
  emulate::end_copies();
#endif
}
// All but the last kLeft groups of this thread are there.
template <int kLeft>
__device__ void wait_for_groups() {
#if defined(__CUDA_ARCH__)
  asm volatile("cp.async.wait_group %0;" ::"n"(kLeft) : "memory");
#elif !defined(__CUDACC__)
  emulate::wait_for_copies(kLeft);
#endif
}

}  // namespace ckeras::cuda
