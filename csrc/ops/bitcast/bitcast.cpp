#include "ops/bitcast/bitcast.h"

#include <cstring>

namespace ckeras::portable {
namespace {

void bitcast(const Call& call) noexcept {
  if (const int64_t bytes = call.out[0].nbytes()) {
    std::memcpy(call.out[0].data, call.in[0].data, static_cast<size_t>(bytes));
  }
}

}  // namespace

extern const Kernel kernel_bitcast;
constinit const Kernel kernel_bitcast = {bitcast, nullptr, nullptr};

}  // namespace ckeras::portable
