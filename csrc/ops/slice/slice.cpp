#include "ops/slice/slice.h"

namespace ckeras::portable {
namespace {

void slice(const Call& call) noexcept { move::copy_input(call, 0, move::slice_copy(call)); }

}  // namespace

extern const Kernel kernel_slice;
constinit const Kernel kernel_slice = {slice, nullptr, nullptr};

}  // namespace ckeras::portable
