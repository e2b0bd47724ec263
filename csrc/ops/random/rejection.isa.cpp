#include "ops/random/rejection.h"

#include "cpu/parallel.h"
#include "cpu/vmath.h"
#include "ops/storage.h"

namespace ckeras::CKERAS_ISA {
namespace {

constexpr int64_t kPiece = 64;  // elements of parallel work

CKERAS_INLINE V8 root(V8 x) { return sqrt(x); }
CKERAS_INLINE V8 whole(V8 x) { return floor(x); }

// One lane of the vector functions: their bits are the same on every instruction set.
struct Lane {
  static CKERAS_MEMBER double first(V8 x) {
    double lanes[8];
    x.store(lanes);
    return lanes[0];
  }
  static double log(double x) { return first(CKERAS_ISA::log(V8(x))); }
  static double exp(double x) { return first(CKERAS_ISA::exp(V8(x))); }
  static CKERAS_MEMBER double sqrt(double x) { return first(root(V8(x))); }
  static CKERAS_MEMBER double floor(double x) { return first(whole(V8(x))); }
  static double cos_turn(double t) { return first(CKERAS_ISA::cos(V8(t) * V8(6.283185307179586477))); }
};

// draw(stream, element) for every element of the output.
template <class S, class Draw>
void generate(const Call& call, const Draw& draw) {
  const auto* seed = call.in[0].as<const uint32_t>();
  auto* to = call.out[0].as<typename S::Element>();
  parallel_for(call.out[0].size(), kPiece, [&](int64_t begin, int64_t end) {
    for (int64_t i = begin; i < end; ++i) {
      to[i] = S::put(static_cast<typename S::T>(draw(RejectionStream{seed[0], seed[1], i}, i)));
    }
  });
}

void gamma(const Call& call) noexcept {
  with_storage(call.out[0].dtype, [&](auto s) {
    using S = decltype(s);
    const auto* alpha = call.in[1].as<const typename S::Element>();
    generate<S>(call, [=](const RejectionStream& stream, int64_t i) {
      return draw_gamma<Lane>(stream, static_cast<double>(S::get(alpha[i])));
    });
  });
}

void binomial(const Call& call) noexcept {
  with_storage(call.out[0].dtype, [&](auto s) {
    using S = decltype(s);
    const auto* counts = call.in[1].as<const typename S::Element>();
    const auto* p = call.in[2].as<const typename S::Element>();
    generate<S>(call, [=](const RejectionStream& stream, int64_t i) {
      return draw_binomial<Lane>(stream, static_cast<double>(S::get(counts[i])), static_cast<double>(S::get(p[i])));
    });
  });
}

}  // namespace

extern const Kernel kernel_random_gamma, kernel_random_binomial;
constinit const Kernel kernel_random_gamma = {gamma, nullptr, nullptr};
constinit const Kernel kernel_random_binomial = {binomial, nullptr, nullptr};

}  // namespace ckeras::CKERAS_ISA
