#include "ops/frames/frames.h"

namespace ckeras::portable {
namespace {

void frames(const Call& call) noexcept { move::copy_input(call, 0, move::frames_copy(call)); }

}  // namespace

extern const Kernel kernel_frames;
constinit const Kernel kernel_frames = {frames, nullptr, nullptr};

}  // namespace ckeras::portable
