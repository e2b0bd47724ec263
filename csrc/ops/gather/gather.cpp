#include "ops/gather/gather.h"

#include <algorithm>
#include <cstring>

#include "cpu/parallel.h"
#include "ops/move/bytes.h"

namespace ckeras::portable {
namespace {

constexpr int64_t kPieceBytes = 1 << 16;

// copy(to, from) moves one run; specialised on its length so that short runs are one instruction.
template <class Copy>
void gather_runs(const Call& call, const GatherShape& s, int64_t run, const Copy& copy) {
  const char* x = call.in[0].as<const char>();
  char* y = call.out[0].as<char>();
  const int64_t grain = std::max<int64_t>(1, kPieceBytes / std::max<int64_t>(run, 8));
  cpu::parallel_for(s.outer * s.count, grain, [&](int64_t begin, int64_t end) {
    int64_t outer = begin / s.count, j = begin % s.count;
    for (int64_t i = begin; i < end; ++i) {
      const int64_t index = index_at(call.in[1], j);
      copy(y + i * run, x + (outer * s.size + (index < 0 ? index + s.size : index)) * run);
      if (++j == s.count) {
        j = 0;
        ++outer;
      }
    }
  });
}

void gather(const Call& call) noexcept {
  const View& x = call.in[0];
  const GatherShape s = gather_shape(x, call.in[1], call.ints[0]);
  if (!check_indices(call, call.in[1], s.size)) return;
  const int64_t run = s.inner * size_of(x.dtype);
  switch (run) {
    case 0:
      return;
    case 1:
      return gather_runs(call, s, run, [](char* to, const char* from) { std::memcpy(to, from, 1); });
    case 2:
      return gather_runs(call, s, run, [](char* to, const char* from) { std::memcpy(to, from, 2); });
    case 4:
      return gather_runs(call, s, run, [](char* to, const char* from) { std::memcpy(to, from, 4); });
    case 8:
      return gather_runs(call, s, run, [](char* to, const char* from) { std::memcpy(to, from, 8); });
    case 12:
      return gather_runs(call, s, run, [](char* to, const char* from) { std::memcpy(to, from, 12); });
    case 16:
      return gather_runs(call, s, run, [](char* to, const char* from) { std::memcpy(to, from, 16); });
    default:
      return gather_runs(call, s, run,
                         [run](char* to, const char* from) { move::copy_bytes(to, from, static_cast<size_t>(run)); });
  }
}

}  // namespace

extern const Kernel kernel_gather;
constinit const Kernel kernel_gather = {gather, nullptr, nullptr};

}  // namespace ckeras::portable
