#include "ops/concatenate/concatenate.h"

#include <algorithm>

#include "cpu/parallel.h"
#include "cpu/stream.h"
#include "ops/move/bytes.h"

namespace ckeras::portable {
namespace {

constexpr int64_t kPiece = 1 << 17;    // bytes that a piece of parallel work writes, about
constexpr int64_t kLongRow = 1 << 16;  // bytes: longer ones are shared by threads
constexpr int64_t kShortRun = 32;      // bytes: for shorter ones a loop of their own pays

// All inputs' runs of a row of the result, one row after the other.
void join_rows(const Call& call, int64_t outer, int64_t row) {
  const int64_t axis = call.ints[0], unit = row / call.out[0].shape[axis];
  const auto run = [&](int i) { return call.in[i].shape[axis] * unit; };
  char* const y = call.out[0].as<char>();
  auto places = reinterpret_cast<uintptr_t>(y) | static_cast<uintptr_t>(row);
  for (int i = 0; i < call.n_in; ++i) places |= static_cast<uintptr_t>(run(i));
  const bool streamed = places % 16 == 0 && outer * row >= cpu::kStreamBytes;
  cpu::parallel_for(outer, std::max<int64_t>(1, kPiece / row), [&](int64_t begin, int64_t end) {
    char* to = y + begin * row;
    for (int64_t o = begin; o < end; ++o) {
      for (int i = 0; i < call.n_in; ++i) {
        const int64_t bytes = run(i);
        const char* from = call.in[i].as<const char>() + o * bytes;
        if (streamed) {
          cpu::stream_bytes(to, from, static_cast<size_t>(bytes));
        } else if (bytes > 0) {
          move::copy_bytes(to, from, static_cast<size_t>(bytes));
        }
        to += bytes;
      }
    }
    if (streamed) cpu::end_stream();
  });
}

void concatenate(const Call& call) noexcept {
  const View& y = call.out[0];
  int64_t outer = 1;
  for (int d = 0; d < call.ints[0]; ++d) outer *= y.shape[d];
  const int64_t row = outer > 0 ? y.nbytes() / outer : 0;
  if (outer > 1 && row <= kLongRow && row >= kShortRun * call.n_in) return join_rows(call, outer, row);
  move::concatenate_copies(call, [&](int i, const move::Copy& copy) { move::copy_input(call, i, copy); });
}

}  // namespace

extern const Kernel kernel_concatenate;
constinit const Kernel kernel_concatenate = {concatenate, nullptr, nullptr};

}  // namespace ckeras::portable
