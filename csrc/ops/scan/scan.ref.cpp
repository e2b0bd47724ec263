#include "ops/scan/scan.h"

#include "ops/reference.h"

namespace ckeras::reference {
namespace {

template <class Step>
void for_places(const Call& call, const Step& step) {
  const ScanLines lines(call);
  for (int64_t o = 0; o < lines.outer; ++o) {
    for (int64_t k = 0; k < lines.inner; ++k) {
      for (int64_t i = 0; i < lines.n; ++i) {
        step((o * lines.n + (lines.reversed ? lines.n - 1 - i : i)) * lines.inner + k, i == 0);
      }
    }
  }
}

template <bool kProduct>
void cumulative(const Call& call) noexcept {
  const View& x = call.in[0];
  with_float(x.dtype, [&](auto t) {
    using T = decltype(t);
    double c = 0;
    for_places(call, [&](int64_t at, bool first) {
      const double v = x.as<const T>()[at].get();
      c = first ? v : kProduct ? c * v : c + v;
      call.out[0].as<T>()[at].set(c);
    });
  });
  with_integer(x.dtype, [&](auto t) {
    using T = decltype(t);
    uint64_t c = 0;
    for_places(call, [&](int64_t at, bool first) {
      const auto v = static_cast<uint64_t>(x.as<const T>()[at]);
      c = first ? v : kProduct ? c * v : c + v;
      call.out[0].as<T>()[at] = static_cast<T>(c);
    });
  });
}

void recurrence(const Call& call) noexcept {
  with_float(call.out[0].dtype, [&](auto t) {
    using T = decltype(t);
    double c = 0;
    for_places(call, [&](int64_t at, bool first) {
      const double b = call.in[1].as<const T>()[at].get();
      c = first ? b : call.in[0].as<const T>()[at].get() * c + b;
      call.out[0].as<T>()[at].set(c);
    });
  });
}

}  // namespace

extern const Kernel kernel_cumulative_sum, kernel_cumulative_prod, kernel_recurrence;
constinit const Kernel kernel_cumulative_sum = {cumulative<false>, nullptr, nullptr};
constinit const Kernel kernel_cumulative_prod = {cumulative<true>, nullptr, nullptr};
constinit const Kernel kernel_recurrence = {recurrence, nullptr, nullptr};

}  // namespace ckeras::reference
