#include "ops/random/random.h"

#include "cpu/parallel.h"
#include "cpu/vmath.h"
#include "ops/random/distributions.h"
#include "ops/random/philox.h"
#include "ops/storage.h"

namespace ckeras::CKERAS_ISA {
namespace {

constexpr int64_t kGroup = 64;    // the words of sixteen blocks: elements 64 k ... 64 k + 63
constexpr int64_t kGroups = 128;  // groups in a piece of parallel work
// Groups that are drawn side by side, as many as registers hold: multiplications wait for one another.
#if defined(CKERAS_ISA_AVX512)
constexpr int kSets = 2;
#else
constexpr int kSets = 1;
#endif

struct Words {
  I16 w[4];
};

struct Stream {
  int32_t keys[kPhiloxRounds][2];  // of each round: a vector of one is a load, which costs less than adding

  explicit Stream(const View& seed) {
    uint32_t key[2];
    for (int i = 0; i < 2; ++i) key[i] = seed.as<const uint32_t>()[i];
    for (int round = 0; round < kPhiloxRounds; ++round) {
      for (int i = 0; i < 2; ++i) {
        keys[round][i] = static_cast<int32_t>(key[i]);
        key[i] += kPhiloxWeyl[i];
      }
    }
  }

  // Of kSets groups from `group` on, blocks 16 * group ... 16 * group + 15 each; philox.h is the definition.
  CKERAS_MEMBER void words(int64_t group, Words* to) const {
    Blocks even[kSets], odd[kSets];
    CKERAS_UNROLL
    for (int s = 0; s < kSets; ++s) {
      const int64_t block = 16 * (group + s);
      const I16 first = I16::iota(0) + I16(static_cast<int32_t>(block)), second(static_cast<int32_t>(block >> 32));
      even[s] = {first, second, I16(0), I16(0)};
      odd[s] = {odd_lanes(first), second, I16(0), I16(0)};
    }
    CKERAS_UNROLL
    for (int round = 0; round < kPhiloxRounds; ++round) {
      const I16 k0(keys[round][0]), k1(keys[round][1]);
      CKERAS_UNROLL
      for (int s = 0; s < kSets; ++s) {
        even[s].mix(k0, k1);
        odd[s].mix(k0, k1);
      }
    }
    CKERAS_UNROLL
    for (int s = 0; s < kSets; ++s) {
      to[s] = {{pair_lanes(even[s].a, odd[s].a), pair_lanes(even[s].b, odd[s].b), pair_lanes(even[s].c, odd[s].c),
                pair_lanes(even[s].d, odd[s].d)}};
    }
  }

 private:
  // Eight blocks, in the even lanes; the odd ones hold anything. A product has the word itself and, next to it, the one
  // that the other multiplication's word is mixed with.
  struct Blocks {
    I16 a, b, c, d;
    CKERAS_MEMBER void mix(I16 k0, I16 k1) {
      const I16 p0 = mul_even(a, I16(static_cast<int32_t>(kPhiloxMultipliers[0])));
      const I16 p1 = mul_even(c, I16(static_cast<int32_t>(kPhiloxMultipliers[1])));
      a = odd_lanes(p1) ^ b ^ k0;
      b = p1;
      c = odd_lanes(p0) ^ d ^ k1;
      d = p0;
    }
  };
};

// The two 64-bit numbers of each of sixteen blocks, shifted right: element 16 * h + lane.
struct Wide {
  int64_t u[32];
  CKERAS_MEMBER Wide(const Words& words, int shift) {
    uint32_t w[4][16];
    for (int i = 0; i < 4; ++i) words.w[i].store(reinterpret_cast<int32_t*>(w[i]));
    for (int h = 0; h < 2; ++h) {
      for (int i = 0; i < 16; ++i) {
        u[16 * h + i] = static_cast<int64_t>((uint64_t{w[2 * h][i]} << 32 | w[2 * h + 1][i]) >> shift);
      }
    }
  }
  // Vector i of eight, as doubles: exact below 2^53.
  CKERAS_MEMBER V8 at(int i) const {
    double x[8];
    for (int j = 0; j < 8; ++j) x[j] = static_cast<double>(u[8 * i + j]);
    return V8::load(x);
  }
};

// ---- distributions: draw() gives the numbers of one group as four V16, or as eight V8 of two groups of blocks

struct Uniform {
  static CKERAS_MEMBER void draw(const Words& w, V16 (&z)[4]) {
    for (int i = 0; i < 4; ++i) z[i] = unit(w.w[i]);
  }
  static CKERAS_MEMBER void draw(const Words& w, V8 (&z)[4]) {
    const Wide wide(w, 11);
    for (int i = 0; i < 4; ++i) z[i] = wide.at(i) * V8(0x1p-53);
  }
};
struct Normal {
  static CKERAS_MEMBER void draw(const Words& w, V16 (&z)[4]) {
    for (int i = 0; i < 4; i += 2) {
      const V16 v = fma(to_float_unsigned(w.w[i]), V16(0x1p-32f), V16(0x1p-33f));
      polar(sqrt(V16(-2) * log(v)), unit(w.w[i + 1]), &z[i], &z[i + 1]);
    }
  }
  static CKERAS_MEMBER void draw(const Words& w, V8 (&z)[4]) {
    const Wide wide(w, 11);
    for (int i = 0; i < 2; ++i) {
      const V8 v = fma(wide.at(i), V8(0x1p-53), V8(0x1p-54));
      polar(sqrt(V8(-2) * log(v)), wide.at(i + 2) * V8(0x1p-53), &z[i], &z[i + 2]);
    }
  }
};
struct TruncatedNormal {
  static CKERAS_MEMBER void draw(const Words& w, V16 (&z)[4]) {
    for (int i = 0; i < 4; ++i) {
      const I16 odd = (shift_right_logical(w.w[i], 8) << 1) + I16(1 - (1 << 24));
      z[i] = truncated(to_float(odd) * V16(0x1p-24f));
    }
  }
  static CKERAS_MEMBER void draw(const Words& w, V8 (&z)[4]) {
    const Wide wide(w, 12);
    for (int i = 0; i < 4; ++i) z[i] = truncated(fma(wide.at(i), V8(0x1p-51), V8(0x1p-52 - 1)));
  }
};

// body(element, words) for the groups of sixteen blocks that hold n elements, `each` of them in a group.
template <class Body>
void for_groups(const View& seed, int64_t n, int64_t each, const Body& body) {
  const Stream stream(seed);
  parallel_for((n + each - 1) / each, kGroups, [&](int64_t begin, int64_t end) {
    for (int64_t group = begin; group < end; group += kSets) {
      Words words[kSets];
      stream.words(group, words);
      for (int64_t s = 0; s < least(int64_t{kSets}, end - group); ++s) body((group + s) * each, words[s]);
    }
  });
}

// finish(z) turns a vector of a distribution into the result.
template <class D, class S, class Finish>
void generate(const Call& call, const Finish& finish) {
  using V = typename S::V;
  const View& y = call.out[0];
  const int64_t n = y.size();
  auto* to = y.as<typename S::Element>();
  for_groups(call.in[0], n, 4 * V::kLanes, [&](int64_t first, const Words& words) __attribute__((always_inline)) {
    V z[4];
    D::draw(words, z);
    for (int i = 0; i < 4; ++i) {
      const int64_t at = first + i * V::kLanes;
      if (at < n) S::store(to + at, finish(z[i]), n - at);
    }
  });
}

void random_bits(const Call& call) noexcept {
  const int64_t n = call.out[0].size();
  int32_t* to = call.out[0].as<int32_t>();
  for_groups(call.in[0], n, kGroup, [&](int64_t first, const Words& words) __attribute__((always_inline)) {
    for (int i = 0; i < 4; ++i) {
      if (first + 16 * i < n) words.w[i].store(to + first + 16 * i, n - first - 16 * i);
    }
  });
}

void random_uniform(const Call& call) noexcept {
  with_storage(call.out[0].dtype, [&](auto s) {
    using S = decltype(s);
    using T = typename S::T;
    using V = typename S::V;
    const double low = call.floats[0], high = call.floats[1];
    const V start(static_cast<T>(low)), span(static_cast<T>(high > low ? high - low : 0));
    const V most(high > low ? below<S>(high) : static_cast<T>(low));
    generate<Uniform, S>(call, [=](V u) __attribute__((always_inline)) { return min(fma(u, span, start), most); });
  });
}

template <class D>
void gaussian(const Call& call) noexcept {
  with_storage(call.out[0].dtype, [&](auto s) {
    using S = decltype(s);
    using V = typename S::V;
    using T = typename S::T;
    const V mean(static_cast<T>(call.floats[0])), deviation(static_cast<T>(call.floats[1]));
    generate<D, S>(call, [=](V z) __attribute__((always_inline)) { return fma(z, deviation, mean); });
  });
}

void dropout(const Call& call) noexcept {
  const View& x = call.in[0];
  const int64_t n = x.size();
  const double rate = call.floats[0];
  // Unsigned words compare as signed ones once their top bits are flipped.
  const I16 flip(INT32_MIN), threshold = I16(static_cast<int32_t>(dropout_threshold(rate))) ^ flip;
  with_storage(x.dtype, [&](auto s) {
    using S = decltype(s);
    using V = typename S::V;
    using T = typename S::T;
    const auto* from = x.as<const typename S::Element>();
    auto* to = call.out[0].as<typename S::Element>();
    const T scale = static_cast<T>(1 / (1 - rate));
    for_groups(call.in[1], n, kGroup, [&](int64_t first, const Words& words) __attribute__((always_inline)) {
      for (int i = 0; i < 4; ++i) {
        const auto keep = (words.w[i] ^ flip) >= threshold;
        const int64_t at = first + 16 * i;
        if (at >= n) break;
        if constexpr (V::kLanes == 16) {
          S::store(to + at, select(keep, S::load(from + at, n - at) * V(scale), V(0)), n - at);
        } else {
          uint8_t kept[16];
          keep.store_bytes(kept);
          for (int64_t j = 0; j < 16 && at + j < n; ++j) to[at + j] = kept[j] ? from[at + j] * scale : T{0};
        }
      }
    });
  });
}

}  // namespace

extern const Kernel kernel_random_bits, kernel_random_uniform, kernel_random_normal, kernel_random_truncated_normal,
    kernel_dropout;
constinit const Kernel kernel_random_bits = {random_bits, nullptr, nullptr};
constinit const Kernel kernel_random_uniform = {random_uniform, nullptr, nullptr};
constinit const Kernel kernel_random_normal = {gaussian<Normal>, nullptr, nullptr};
constinit const Kernel kernel_random_truncated_normal = {gaussian<TruncatedNormal>, nullptr, nullptr};
constinit const Kernel kernel_dropout = {dropout, nullptr, nullptr};

}  // namespace ckeras::CKERAS_ISA
