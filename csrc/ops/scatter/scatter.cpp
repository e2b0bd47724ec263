#include "ops/scatter/scatter.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <type_traits>

#include "cpu/parallel.h"

namespace ckeras::portable {
namespace {

constexpr int64_t kPiece = 1 << 13;     // bytes of a row that one thread updates
constexpr int64_t kPartWork = 1 << 15;  // elements that a part of the indices combines, at least
constexpr int64_t kParts = 8;           // most parts of the indices
constexpr int64_t kOften = 8;           // indices of a part for each row, at least
constexpr int64_t kPartSize = 1 << 17;  // most elements of x: parts have copies of it

enum Mode : int64_t { kSet, kAdd, kMax, kMin, kMultiply };

// Where all groupings give the same bits, a small x with many indices is combined by parts, runs of these, which go
// into x in their order.
int64_t parts_of(const Call& call) {
  const View& x = call.in[0];
  const int64_t count = call.in[1].size(), size = x.size();
  const bool rounds = x.dtype == DType::F32 || x.dtype == DType::F64,
             extreme = call.ints[0] == kMax || call.ints[0] == kMin;
  if (call.ints[0] == kSet || (rounds && !extreme) || size == 0 || size > kPartSize) return 1;
  const int64_t most = std::min({kParts, count * (size / x.shape[0]) / kPartWork, count / (kOften * x.shape[0])});
  int64_t parts = 1;
  while (2 * parts <= most) parts *= 2;
  return parts;
}

// What changes nothing.
template <class T>
T neutral(int64_t mode) {
  using Limits = std::numeric_limits<T>;
  if (mode == kMax) return Limits::has_infinity ? -Limits::infinity() : Limits::lowest();
  if (mode == kMin) return Limits::has_infinity ? Limits::infinity() : Limits::max();
  return mode == kMultiply ? T{1} : T{0};
}

// f(to, from) combines two elements, in the order of the indices.
template <class T, class F>
void combine_rows(const Call& call, int64_t rows, int64_t inner, const F& f) {
  const View& indices = call.in[1];
  const T* updates = call.in[2].as<const T>();
  T* const out = call.out[0].as<T>();
  const int64_t count = indices.size(), size = rows * inner, grain = kPiece / static_cast<int64_t>(sizeof(T));
  // The indices from first to last, columns from begin to end.
  const auto run = [=, &indices, &f](T* to_all, int64_t first, int64_t last, int64_t begin, int64_t end) {
    for (int64_t j = first; j < last; ++j) {
      const int64_t index = index_at(indices, j);
      T* to = to_all + (index < 0 ? index + rows : index) * inner;
      for (int64_t i = begin; i < end; ++i) to[i] = f(to[i], updates[j * inner + i]);
    }
  };
  const int64_t parts = parts_of(call);
  if (parts == 1) {
    return cpu::parallel_for(inner, grain, [&](int64_t begin, int64_t end) { run(out, 0, count, begin, end); });
  }
  T* const own = static_cast<T*>(call.workspace);
  cpu::parallel_for(parts, 1, [&](int64_t begin, int64_t end) {
    for (int64_t part = begin; part < end; ++part) {
      T* const to = own + part * size;
      std::fill_n(to, size, neutral<T>(call.ints[0]));
      run(to, count * part / parts, count * (part + 1) / parts, 0, inner);
    }
  });
  cpu::parallel_for(size, grain, [&](int64_t begin, int64_t end) {
    for (int64_t part = 0; part < parts; ++part) {
      for (int64_t i = begin; i < end; ++i) out[i] = f(out[i], own[part * size + i]);
    }
  });
}

template <class T>
using Wrapping = std::conditional_t<std::is_floating_point_v<T>, T, uint64_t>;

template <class T>
void combine(const Call& call, int64_t rows, int64_t inner) {
  using W = Wrapping<T>;
  switch (call.ints[0]) {
    case kAdd:
      return combine_rows<T>(call, rows, inner,
                             [](T a, T b) { return static_cast<T>(static_cast<W>(a) + static_cast<W>(b)); });
    case kMax:
      return combine_rows<T>(call, rows, inner, [](T a, T b) { return a != a ? a : a > b ? a : b; });
    case kMin:
      return combine_rows<T>(call, rows, inner, [](T a, T b) { return a != a ? a : a < b ? a : b; });
    case kMultiply:
      return combine_rows<T>(call, rows, inner,
                             [](T a, T b) { return static_cast<T>(static_cast<W>(a) * static_cast<W>(b)); });
    default:
      return combine_rows<T>(call, rows, inner, [](T, T b) { return b; });
  }
}

void scatter(const Call& call) noexcept {
  const View& x = call.in[0];
  const int64_t rows = x.shape[0];
  if (!check_indices(call, call.in[1], rows)) return;
  if (x.size() == 0) return;
  if (call.out[0].data != x.data) std::memcpy(call.out[0].data, x.data, static_cast<size_t>(x.nbytes()));
  const int64_t inner = x.size() / rows;
  switch (x.dtype) {
    case DType::I8:
      return combine<int8_t>(call, rows, inner);
    case DType::I16:
      return combine<int16_t>(call, rows, inner);
    case DType::I32:
      return combine<int32_t>(call, rows, inner);
    case DType::I64:
      return combine<int64_t>(call, rows, inner);
    case DType::Bool:
    case DType::U8:
      return combine<uint8_t>(call, rows, inner);
    case DType::F16:
    case DType::BF16:
    case DType::U16:
      return combine<uint16_t>(call, rows, inner);
    case DType::U32:
      return combine<uint32_t>(call, rows, inner);
    case DType::U64:
      return combine<uint64_t>(call, rows, inner);
    case DType::F32:
      return combine<float>(call, rows, inner);
    case DType::F64:
      return combine<double>(call, rows, inner);
  }
}

int64_t workspace(const Call& call) noexcept {
  const int64_t parts = parts_of(call);
  return parts == 1 ? 0 : parts * call.in[0].nbytes();
}

}  // namespace

extern const Kernel kernel_scatter;
constinit const Kernel kernel_scatter = {scatter, workspace, nullptr};

}  // namespace ckeras::portable
