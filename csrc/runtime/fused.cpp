// Running a chain: tile by tile, every step over the whole tile before the next.
#include "runtime/fused.h"

#include <algorithm>
#include <cstring>
#include <cwchar>

#include "cpu/parallel.h"
#include "runtime/fused_limits.h"
#include "runtime/tile.h"

namespace ckeras {
namespace {

using Bytes = unsigned char;

// What the first `done` bytes hold, again and again until there are `total`.
void repeat(Bytes* to, int64_t done, int64_t total) {
  while (done < total) {
    const int64_t n = std::min(done, total - done);
    std::memcpy(to + done, to, static_cast<size_t>(n));
    done += n;
  }
}

template <class T>
void fill(void* to, const void* from, int64_t n) {
  T value;
  std::memcpy(&value, from, sizeof value);
  if constexpr (sizeof(T) == sizeof(wchar_t)) {  // the C library's is as wide as the processor's registers
    std::wmemset(static_cast<wchar_t*>(to), static_cast<wchar_t>(value), static_cast<size_t>(n));
  } else {
    std::fill_n(static_cast<T*>(to), n, value);
  }
}
template <class T>
void pick(void* to, const void* from, int64_t stride, int64_t n) {
  for (int64_t i = 0; i < n; ++i) static_cast<T*>(to)[i] = static_cast<const T*>(from)[i * stride];
}

// n elements, `stride` elements apart, to neighbours.
template <class T>
void copy_run(void* to, const void* from, int64_t stride, int64_t n) {
  if (stride == 1) {
    std::memcpy(to, from, static_cast<size_t>(n) * sizeof(T));
  } else if (stride == 0) {
    fill<T>(to, from, n);
  } else {
    pick<T>(to, from, stride, n);
  }
}

constexpr int64_t kShortRow = 16;  // elements; shorter rows are copied several at a time, column by column

// `rows` short rows of n elements, `row_stride` elements apart, to neighbours.
template <class T>
void copy_rows(void* to, const void* from, int64_t row_stride, int64_t rows, int64_t stride, int64_t n) {
  T* const at = static_cast<T*>(to);
  const T* const x = static_cast<const T*>(from);
  for (int64_t i = 0; i < n; ++i) {
    for (int64_t r = 0; r < rows; ++r) at[r * n + i] = x[r * row_stride + i * stride];
  }
}

template <class T>
void splat(void* to, const void* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  for (int64_t i = 0; i < kCopies; ++i) static_cast<T*>(to)[i] = value;
}

// Indexed by the size of an element.
struct Copies {
  void (*splat)(void*, const void*);
  void (*run)(void*, const void*, int64_t, int64_t);
  void (*rows)(void*, const void*, int64_t, int64_t, int64_t, int64_t);
};
template <class T>
constexpr Copies kCopiesOf = {splat<T>, copy_run<T>, copy_rows<T>};
constexpr Copies kCopying[9] = {{}, kCopiesOf<uint8_t>, kCopiesOf<uint16_t>, {}, kCopiesOf<uint32_t>, {}, {},
                                {}, kCopiesOf<uint64_t>};

}  // namespace

// kCopies of the element that the row of the loop's element `begin` repeats.
const void* Fused::repeat_one(const Input& input, const void* base, int64_t begin, void* to) noexcept {
  const Walk& walk = input.walk;
  int64_t offset = 0, rest = begin / walk.shape[walk.rank - 1];
  for (int d = walk.rank - 2; d > 0; --d) {
    offset += rest % walk.shape[d] * walk.strides[d];
    rest /= walk.shape[d];
  }
  if (walk.rank > 1) offset += rest * walk.strides[0];
  kCopying[input.size].splat(to, static_cast<const Bytes*>(base) + offset * input.size);
  return to;
}

// Where elements begin ... begin + n - 1 of the loop lie as neighbours: in place, or in `to`, copied there.
const void* Fused::gather(const Input& input, const void* base, int64_t begin, int64_t n, void* to) noexcept {
  const Walk& walk = input.walk;
  const int inner = walk.rank - 1;
  int64_t index[kMaxRank];
  int64_t offset = 0;
  int64_t rest = begin;
  for (int d = inner; d >= 0; --d) {
    index[d] = rest % walk.shape[d];
    rest /= walk.shape[d];
    offset += index[d] * walk.strides[d];
  }
  const Bytes* from = static_cast<const Bytes*>(base);
  if (walk.strides[inner] == 1 && index[inner] + n <= walk.shape[inner]) return from + offset * input.size;

  const Copies& copy = kCopying[input.size];
  const int64_t row = walk.shape[inner];
  for (Bytes* at = static_cast<Bytes*>(to); n > 0;) {
    int64_t run = std::min(n, row - index[inner]);
    int last = inner;
    if (run == row && inner > 0 && row < kShortRow && walk.strides[inner - 1] != 0) {
      last = inner - 1;
      const int64_t rows = std::min(walk.shape[last] - index[last], n / row);
      copy.rows(at, from + offset * input.size, walk.strides[last], rows, walk.strides[inner], row);
      offset += rows * walk.strides[last];
      index[last] += rows;
      run *= rows;
    } else {
      copy.run(at, from + offset * input.size, walk.strides[inner], run);
      offset += run * walk.strides[inner];
      index[inner] += run;
      if (run == row && inner > 0 && walk.strides[inner - 1] == 0) {  // the rows that follow are the same
        const int64_t rows = std::min(walk.shape[inner - 1] - index[inner - 1], n / row);
        repeat(at, row * input.size, rows * row * input.size);
        index[inner - 1] += rows - 1;
        run *= rows;
      }
    }
    at += run * input.size;
    n -= run;
    for (int d = last; d > 0 && index[d] == walk.shape[d]; --d) {
      offset += walk.strides[d - 1] - walk.shape[d] * walk.strides[d];
      index[d] = 0;
      ++index[d - 1];
    }
  }
  return to;
}

// What stays the same from tile to tile, for tiles of at most `longest` elements.
void Fused::lay_out(const void* const* in, int64_t longest, FusedScratch& scratch) const noexcept {
  const auto slot = [&](int32_t i) { return scratch.slots + static_cast<int64_t>(i) * slot_bytes_; };
  for (size_t i = 0; i < inputs_.size(); ++i) {
    const Input& input = inputs_[i];
    if (input.access == Access::Scalar) {
      kCopying[input.size].run(slot(input.slot), in[i], 0, longest);
    } else if (input.access == Access::Pattern) {
      std::memcpy(slot(input.slot), in[i], static_cast<size_t>(input.period * input.size));
      repeat(slot(input.slot), input.period * input.size, (longest + input.period) * input.size);
    }
  }
}

// Every step over elements first ... first + n - 1 of the loop, n at most tile_.
void Fused::run_tile(const void* const* in, void* const* out, int64_t first, int64_t n,
                     FusedScratch& scratch) const noexcept {
  const auto slot = [&](int32_t i) { return scratch.slots + static_cast<int64_t>(i) * slot_bytes_; };
  const void** at = scratch.at;
  const bool within = row_ > 0 && (row_ == kAnyRow || first % row_ + n <= row_);
  for (size_t i = 0; i < inputs_.size(); ++i) {
    const Input& input = inputs_[i];
    switch (input.access) {
      case Access::Direct:
        at[i] = static_cast<const Bytes*>(in[i]) + first * input.size;
        break;
      case Access::Scalar:
        at[i] = slot(input.slot);
        break;
      case Access::Pattern:
        at[i] = slot(input.slot) + first % input.period * input.size;
        break;
      case Access::Gather:
        at[i] = within && input.repeats ? repeat_one(input, in[i], first, slot(input.slot))
                                        : gather(input, in[i], first, n, slot(input.slot));
        break;
    }
  }
  for (const Step& step : steps_) {
    const Register& result = registers_[step.result];
    void* to =
        result.output < 0 ? slot(result.slot) : static_cast<Bytes*>(out[result.output]) + first * size_of(result.dtype);
    const bool once = within && step.once;
    const void* args[kRepeated + 1];
    args[kRepeated] = within && !once ? &step.repeated : &kNoneRepeated;
    for (int a = 0; a < step.n_args; ++a) args[a] = at[step.args[a]];
    step.fn(to, args, once ? kCopies : n);
    at[step.result] = to;
  }
  for (const Copy& copy : copies_) {
    std::memmove(static_cast<Bytes*>(out[copy.output]) + first * copy.size, at[copy.from],
                 static_cast<size_t>(n * copy.size));
  }
}

void Fused::run(const void* const* in, void* const* out, void* workspace) const noexcept {
  if (!reductions_.empty()) return run_reductions(in, out, workspace);
  if (row_ > 0 && row_ != kAnyRow) {  // tiles within rows
    const int64_t cuts = (row_ + tile_ - 1) / tile_,
                  width = ((row_ + cuts - 1) / cuts + kCopies - 1) / kCopies * kCopies;
    return cpu::parallel_for(
        size_ / row_ * cuts, std::max<int64_t>(1, grain_ / width), [&](int64_t begin, int64_t end) {
          FusedScratch scratch;
          lay_out(in, std::min(tile_, row_), scratch);
          for (int64_t item = begin; item < end; ++item) {
            const int64_t column = item % cuts * width;
            if (column < row_) run_tile(in, out, item / cuts * row_ + column, std::min(width, row_ - column), scratch);
          }
        });
  }
  cpu::parallel_for(size_, grain_, [&](int64_t begin, int64_t end) {
    FusedScratch scratch;
    lay_out(in, std::min(tile_, end - begin), scratch);
    for (int64_t first = begin; first < end; first += tile_) {
      run_tile(in, out, first, std::min(tile_, end - first), scratch);
    }
  });
}

}  // namespace ckeras
