#include "ops/concatenate/concatenate.h"

namespace ckeras::portable {
namespace {

void concatenate(const Call& call) noexcept {
  move::concatenate_copies(call, [&](int i, const move::Copy& copy) { move::copy_input(call, i, copy); });
}

}  // namespace

extern const Kernel kernel_concatenate;
constinit const Kernel kernel_concatenate = {concatenate, nullptr, nullptr};

}  // namespace ckeras::portable
