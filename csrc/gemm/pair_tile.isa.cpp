// Tiles of pairs of bfloat16. vdpbf16ps adds to a float32 the product of the upper halves, then that of the lower ones,
// each as a fused multiply-add that rounds to even and flushes denormals: the very chain of float32 tiles. Compiled
// with -mavx512bf16 (CMakeLists.txt), and called only where the processor has it.
#include "gemm/chain.h"

#if defined(CKERAS_ISA_AVX512)
namespace ckeras::CKERAS_ISA {
namespace {

template <>
struct Chain<HalfPair> {
  using Factors = __m512bh;
  static CKERAS_MEMBER Factors splat(HalfPair x) { return (__m512bh)_mm512_set1_epi32(static_cast<int>(x.bits)); }
  static CKERAS_MEMBER Factors load(const HalfPair* p) { return (__m512bh)_mm512_loadu_si512(p); }
  static CKERAS_MEMBER V16 add(Factors a, Factors b, V16 sum) { return V16::from(_mm512_dpbf16_ps(sum.r, a, b)); }
};

}  // namespace

constinit const TileTable<HalfPair> Tiles<HalfPair>::table = filled<HalfPair>();

}  // namespace ckeras::CKERAS_ISA
#endif
