#include "ops/random/random.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "gemm/reference.h"
#include "ops/random/philox.h"

namespace ckeras::reference {
namespace {

struct Stream {
  uint32_t key0, key1;
  explicit Stream(const View& seed) : key0(seed.as<const uint32_t>()[0]), key1(seed.as<const uint32_t>()[1]) {}

  uint32_t word(int64_t block, int i) const {
    uint32_t c[4] = {static_cast<uint32_t>(block), static_cast<uint32_t>(block >> 32), 0, 0};
    philox_block(c, key0, key1);
    return c[i];
  }
  uint32_t word(int64_t i) const { return word(16 * (i / 64) + i % 16, static_cast<int>(i / 16 % 4)); }
  uint64_t pair(int64_t block, int h) const { return uint64_t{word(block, 2 * h)} << 32 | word(block, 2 * h + 1); }
  uint64_t word64(int64_t i) const { return pair(16 * (i / 32) + i % 16, static_cast<int>(i / 16 % 2)); }
};

// In [0, 1).
double unit(const Stream& s, int64_t i, bool wide) {
  return wide ? std::ldexp(static_cast<double>(s.word64(i) >> 11), -53) : std::ldexp(s.word(i) >> 8, -24);
}

double normal(const Stream& s, int64_t i, bool wide) {
  const int h = static_cast<int>(i / 16 % 2);
  double v, turn;
  if (wide) {
    const int64_t block = 16 * (i / 32) + i % 16;
    v = std::ldexp(static_cast<double>(s.pair(block, 0) >> 11) + 0.5, -53);
    turn = std::ldexp(static_cast<double>(s.pair(block, 1) >> 11), -53);
  } else {
    const int64_t first = i - 16 * h;
    v = std::ldexp(s.word(first) + 0.5, -32);
    turn = std::ldexp(s.word(first + 16) >> 8, -24);
  }
  const double angle = 2 * M_PI * turn;
  return std::sqrt(-2 * std::log(v)) * (h ? std::sin(angle) : std::cos(angle));
}

// The x with erf(x) = y, by bisection.
double erf_inverse(double y) {
  double low = -2, high = 2;
  for (int i = 0; i < 64; ++i) {
    const double middle = (low + high) / 2;
    (std::erf(middle) < y ? low : high) = middle;
  }
  return (low + high) / 2;
}

double truncated_normal(const Stream& s, int64_t i, bool wide) {
  const double t = wide ? std::ldexp(2.0 * static_cast<double>(s.word64(i) >> 12) + 1, -52) - 1
                        : std::ldexp(2.0 * (s.word(i) >> 8) + 1, -24) - 1;
  return M_SQRT2 * erf_inverse(std::erf(M_SQRT2) * t);
}

void bits(const Call& call) noexcept {
  const Stream s(call.in[0]);
  for (int64_t i = 0; i < call.out[0].size(); ++i) call.out[0].as<uint32_t>()[i] = s.word(i);
}

template <class T>
double step_down(Real<T> x) {
  return x.value == 0 ? -std::numeric_limits<T>::min() : std::nextafter(x.value, -std::numeric_limits<T>::infinity());
}
double step_down(Half x) {
  x.bits = x.get() == 0 ? 0x8001 : static_cast<uint16_t>(x.get() > 0 ? x.bits - 1 : x.bits + 1);
  return x.get();
}
double step_down(BHalf x) {
  x.bits = x.get() == 0 ? 0x8080 : static_cast<uint16_t>(x.get() > 0 ? x.bits - 1 : x.bits + 1);
  return x.get();
}

// The greatest number of storage T below high; below 0, the least that is not denormal in float32 or float64.
template <class T>
double below(double high) {
  T x;
  x.set(high);
  return x.get() < high ? x.get() : step_down(x);
}

void uniform(const Call& call) noexcept {
  const Stream s(call.in[0]);
  const View& y = call.out[0];
  const double low = call.floats[0], high = call.floats[1];
  with_float(y.dtype, [&](auto t) {
    using T = decltype(t);
    const double most = high > low ? below<T>(high) : low;
    for (int64_t i = 0; i < y.size(); ++i) {
      y.as<T>()[i].set(std::min(low + unit(s, i, y.dtype == DType::F64) * (high - low), most));
    }
  });
}

template <double (*kDraw)(const Stream&, int64_t, bool)>
void gaussian(const Call& call) noexcept {
  const Stream s(call.in[0]);
  const View& y = call.out[0];
  with_float(y.dtype, [&](auto t) {
    for (int64_t i = 0; i < y.size(); ++i) {
      y.as<decltype(t)>()[i].set(call.floats[0] + kDraw(s, i, y.dtype == DType::F64) * call.floats[1]);
    }
  });
}

void dropout(const Call& call) noexcept {
  const View& x = call.in[0];
  const Stream s(call.in[1]);
  const uint32_t threshold = dropout_threshold(call.floats[0]);
  with_float(x.dtype, [&](auto t) {
    using T = decltype(t);
    for (int64_t i = 0; i < x.size(); ++i) {
      call.out[0].as<T>()[i].set(s.word(i) >= threshold ? x.as<const T>()[i].get() / (1 - call.floats[0]) : 0);
    }
  });
}

}  // namespace

extern const Kernel kernel_random_bits, kernel_random_uniform, kernel_random_normal, kernel_random_truncated_normal,
    kernel_dropout;
constinit const Kernel kernel_random_bits = {bits, nullptr, nullptr};
constinit const Kernel kernel_random_uniform = {uniform, nullptr, nullptr};
constinit const Kernel kernel_random_normal = {gaussian<normal>, nullptr, nullptr};
constinit const Kernel kernel_random_truncated_normal = {gaussian<truncated_normal>, nullptr, nullptr};
constinit const Kernel kernel_dropout = {dropout, nullptr, nullptr};

}  // namespace ckeras::reference
