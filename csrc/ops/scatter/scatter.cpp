#include "ops/scatter/scatter.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "cpu/parallel.h"

namespace ckeras::portable {
namespace {

constexpr int64_t kPiece = 1 << 13;  // bytes of a row that one thread updates

enum Mode : int64_t { kSet, kAdd, kMax, kMin, kMultiply };

// f(to, from) combines two elements, in the order of the indices; each piece of columns is one thread's.
template <class T, class F>
void combine_rows(const Call& call, int64_t rows, int64_t inner, const F& f) {
  const View& indices = call.in[1];
  const T* updates = call.in[2].as<const T>();
  T* out = call.out[0].as<T>();
  const int64_t count = indices.size();
  cpu::parallel_for(inner, kPiece / static_cast<int64_t>(sizeof(T)), [&](int64_t begin, int64_t end) {
    for (int64_t j = 0; j < count; ++j) {
      const int64_t index = index_at(indices, j);
      T* to = out + (index < 0 ? index + rows : index) * inner;
      for (int64_t i = begin; i < end; ++i) to[i] = f(to[i], updates[j * inner + i]);
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

}  // namespace

extern const Kernel kernel_scatter;
constinit const Kernel kernel_scatter = {scatter, nullptr, nullptr};

}  // namespace ckeras::portable
