// random_bits random_uniform random_normal random_truncated_normal dropout: the numbers of ops/random/philox.h, the
// same as on the CPU. A thread makes one block of Philox: four words, whose elements are 16 apart.
#include "ops/random/random.h"

#include "cuda/device.h"
#include "ops/random/distributions.h"
#include "ops/random/philox.h"

namespace ckeras::cuda {
namespace {

constexpr int kThreads = 128;

struct Words {
  uint32_t w[4];
};
__device__ __forceinline__ Words words_of(const uint32_t* seed, int64_t block) {
  Words words = {{static_cast<uint32_t>(block), static_cast<uint32_t>(block >> 32), 0, 0}};
  philox_block(words.w, seed[0], seed[1]);
  return words;
}
// The first element of a block whose results are `each` in number.
CKERAS_INLINE int64_t element_of(int64_t block, int each) { return block / 16 * (16 * each) + block % 16; }

CKERAS_INLINE I16 signed_word(uint32_t w) { return static_cast<int32_t>(w); }
// The upper bits of the 64-bit number h of a block.
CKERAS_INLINE V8 wide(const Words& words, int h, int shift) {
  return static_cast<double>((uint64_t{words.w[2 * h]} << 32 | words.w[2 * h + 1]) >> shift);
}

// draw(words, z): the four or, as doubles, two numbers of a block.
struct UniformDraw {
  static CKERAS_MEMBER void draw(const Words& words, V16 (&z)[4]) {
    for (int i = 0; i < 4; ++i) z[i] = unit(signed_word(words.w[i]));
  }
  static CKERAS_MEMBER void draw(const Words& words, V8 (&z)[2]) {
    for (int h = 0; h < 2; ++h) z[h] = wide(words, h, 11) * V8(0x1p-53);
  }
};
struct NormalDraw {
  static CKERAS_MEMBER void draw(const Words& words, V16 (&z)[4]) {
    for (int i = 0; i < 4; i += 2) {
      const V16 v = fma(to_float_unsigned(signed_word(words.w[i])), V16(0x1p-32f), V16(0x1p-33f));
      polar(sqrt(V16(-2) * log(v)), unit(signed_word(words.w[i + 1])), &z[i], &z[i + 1]);
    }
  }
  static CKERAS_MEMBER void draw(const Words& words, V8 (&z)[2]) {
    const V8 v = fma(wide(words, 0, 11), V8(0x1p-53), V8(0x1p-54));
    polar(sqrt(V8(-2) * log(v)), wide(words, 1, 11) * V8(0x1p-53), &z[0], &z[1]);
  }
};
struct TruncatedDraw {
  static CKERAS_MEMBER void draw(const Words& words, V16 (&z)[4]) {
    for (int i = 0; i < 4; ++i) {
      const I16 odd = (shift_right_logical(signed_word(words.w[i]), 8) << 1) + I16(1 - (1 << 24));
      z[i] = truncated(to_float(odd) * V16(0x1p-24f));
    }
  }
  static CKERAS_MEMBER void draw(const Words& words, V8 (&z)[2]) {
    for (int h = 0; h < 2; ++h) z[h] = truncated(fma(wide(words, h, 12), V8(0x1p-51), V8(0x1p-52 - 1)));
  }
};

// min(z * factor + start, most) in one rounding.
template <class T>
struct Affine {
  T factor, start, most;
  CKERAS_MEMBER T operator()(One<T> z) const { return min(fma(z, One<T>(factor), One<T>(start)), One<T>(most)).x; }
};

template <class D, class S>
__global__ void __launch_bounds__(kThreads)
    draw_kernel(const uint32_t* seed, typename S::Element* y, int64_t n, int64_t blocks, Affine<typename S::T> finish) {
  constexpr int kEach = 16 / sizeof(typename S::T);
  for (int64_t block = first_element(); block < blocks; block += all_threads()) {
    typename S::V z[kEach];
    D::draw(words_of(seed, block), z);
    for (int i = 0; i < kEach; ++i) {
      const int64_t at = element_of(block, kEach) + 16 * i;
      if (at < n) y[at] = S::put(finish(z[i]));
    }
  }
}
__global__ void __launch_bounds__(kThreads) bits_kernel(const uint32_t* seed, uint32_t* y, int64_t n, int64_t blocks) {
  for (int64_t block = first_element(); block < blocks; block += all_threads()) {
    const Words words = words_of(seed, block);
    for (int i = 0; i < 4; ++i) {
      const int64_t at = element_of(block, 4) + 16 * i;
      if (at < n) y[at] = words.w[i];
    }
  }
}
template <class S>
__global__ void __launch_bounds__(kThreads)
    dropout_kernel(const typename S::Element* x, const uint32_t* seed, typename S::Element* y, int64_t n,
                   int64_t blocks, uint32_t threshold, typename S::T scale) {
  for (int64_t block = first_element(); block < blocks; block += all_threads()) {
    const Words words = words_of(seed, block);
    for (int i = 0; i < 4; ++i) {
      const int64_t at = element_of(block, 4) + 16 * i;
      if (at < n) y[at] = S::put(words.w[i] >= threshold ? S::get(x[at]) * scale : typename S::T{0});
    }
  }
}

// Blocks of Philox that hold n elements: whole groups of sixteen.
int64_t philox_blocks(int64_t n, int64_t each) { return ceil_div(n, 16 * each) * 16; }

template <class D, class Finish>
Status run_draw(const Call& call, Queue& queue, const Finish& finish) {
  const View& y = call.out[0];
  const int64_t n = y.size();
  return with_floats(y.dtype, [&](auto s) {
    using S = decltype(s);
    if (n == 0) return;
    const int64_t blocks = philox_blocks(n, 16 / static_cast<int64_t>(sizeof(typename S::T)));
    launch(queue, {blocks_for(blocks, kThreads)}, {kThreads}, 0, draw_kernel<D, S>, call.in[0].as<const uint32_t>(),
           y.as<typename S::Element>(), n, blocks, finish(s));
  });
}

Status run_uniform(const Call& call, Queue& queue) {
  const double low = call.floats[0], high = call.floats[1];
  return run_draw<UniformDraw>(call, queue, [=](auto s) {
    using S = decltype(s);
    using T = typename S::T;
    return Affine<T>{static_cast<T>(high > low ? high - low : 0), static_cast<T>(low),
                     high > low ? below<S>(high) : static_cast<T>(low)};
  });
}
template <class D>
Status run_gaussian(const Call& call, Queue& queue) {
  return run_draw<D>(call, queue, [&](auto s) {
    using T = typename decltype(s)::T;
    return Affine<T>{static_cast<T>(call.floats[1]), static_cast<T>(call.floats[0]), FloatTraits<T>::kInf};
  });
}
Status run_bits(const Call& call, Queue& queue) {
  const int64_t n = call.out[0].size(), blocks = philox_blocks(n, 4);
  if (n == 0) return Status::Launched;
  launch(queue, {blocks_for(blocks, kThreads)}, {kThreads}, 0, bits_kernel, call.in[0].as<const uint32_t>(),
         call.out[0].as<uint32_t>(), n, blocks);
  return Status::Launched;
}
Status run_dropout(const Call& call, Queue& queue) {
  const View& x = call.in[0];
  const int64_t n = x.size(), blocks = philox_blocks(n, 4);
  const double rate = call.floats[0];
  return with_floats(x.dtype, [&](auto s) {
    using S = decltype(s);
    using E = typename S::Element;
    if (n == 0) return;
    launch(queue, {blocks_for(blocks, kThreads)}, {kThreads}, 0, dropout_kernel<S>, x.as<const E>(),
           call.in[1].as<const uint32_t>(), call.out[0].as<E>(), n, blocks, dropout_threshold(rate),
           static_cast<typename S::T>(1 / (1 - rate)));
  });
}

}  // namespace

extern const DeviceKernel kernel_random_bits, kernel_random_uniform, kernel_random_normal,
    kernel_random_truncated_normal, kernel_dropout;
const DeviceKernel kernel_random_bits = {"random_bits", run_bits, nullptr};
const DeviceKernel kernel_random_uniform = {"random_uniform", run_uniform, nullptr};
const DeviceKernel kernel_random_normal = {"random_normal", run_gaussian<NormalDraw>, nullptr};
const DeviceKernel kernel_random_truncated_normal = {"random_truncated_normal", run_gaussian<TruncatedDraw>, nullptr};
const DeviceKernel kernel_dropout = {"dropout", run_dropout, nullptr};

}  // namespace ckeras::cuda
