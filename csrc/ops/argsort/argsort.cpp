#include "ops/argsort/argsort.h"

#include <algorithm>

#include "cpu/parallel.h"

namespace ckeras::portable {
namespace {

constexpr int64_t kPiece = 1 << 12;  // elements that one thread sorts, at least

// An element as an unsigned number in the order of the values, with its place. Pairs differ, so any sort is stable.
struct Item {
  uint64_t key;
  int64_t place;
  bool operator<(const Item& other) const { return key < other.key || (key == other.key && place < other.place); }
};

// Floats of U's width: the bits of infinity tell them apart.
template <class U, uint64_t kInfinity>
struct FloatKey {
  using Element = U;
  uint64_t operator()(U bits) const {
    constexpr U kSign = static_cast<U>(U{1} << (8 * sizeof(U) - 1));
    const U magnitude = static_cast<U>(bits & static_cast<U>(~kSign));
    if (magnitude > kInfinity) return ~uint64_t{0};
    if (magnitude == 0) return kSign;
    return static_cast<U>(bits & kSign ? ~bits : bits | kSign);
  }
};
template <class T>
struct IntegerKey {
  using Element = T;
  uint64_t operator()(T x) const {
    constexpr bool kSigned = static_cast<T>(-1) < static_cast<T>(0);
    return kSigned ? static_cast<uint64_t>(static_cast<int64_t>(x)) ^ (uint64_t{1} << 63) : static_cast<uint64_t>(x);
  }
};

template <class Key>
void sort_rows(const Call& call) {
  const View& x = call.in[0];
  const View& out = call.out[0];
  const int64_t n = x.shape[x.rank - 1], k = out.shape[out.rank - 1];
  if (n == 0 || k == 0) return;
  const int64_t rows = x.size() / n;
  const uint64_t flip = call.ints[0] ? ~uint64_t{0} : 0;
  Item* items = static_cast<Item*>(call.workspace);
  const auto* values = x.as<const typename Key::Element>();
  int32_t* places = out.as<int32_t>();
  cpu::parallel_for(rows, std::max<int64_t>(1, kPiece / n), [&](int64_t begin, int64_t end) {
    for (int64_t row = begin; row < end; ++row) {
      Item* first = items + row * n;
      for (int64_t i = 0; i < n; ++i) first[i] = {Key()(values[row * n + i]) ^ flip, i};
      if (k < n) {
        std::partial_sort(first, first + k, first + n);
      } else {
        std::sort(first, first + n);
      }
      for (int64_t i = 0; i < k; ++i) places[row * k + i] = static_cast<int32_t>(first[i].place);
    }
  });
}

void argsort(const Call& call) noexcept {
  switch (call.in[0].dtype) {
    case DType::Bool:
    case DType::U8:
      return sort_rows<IntegerKey<uint8_t>>(call);
    case DType::I8:
      return sort_rows<IntegerKey<int8_t>>(call);
    case DType::I16:
      return sort_rows<IntegerKey<int16_t>>(call);
    case DType::I32:
      return sort_rows<IntegerKey<int32_t>>(call);
    case DType::I64:
      return sort_rows<IntegerKey<int64_t>>(call);
    case DType::U16:
      return sort_rows<IntegerKey<uint16_t>>(call);
    case DType::U32:
      return sort_rows<IntegerKey<uint32_t>>(call);
    case DType::U64:
      return sort_rows<IntegerKey<uint64_t>>(call);
    case DType::F16:
      return sort_rows<FloatKey<uint16_t, 0x7c00>>(call);
    case DType::BF16:
      return sort_rows<FloatKey<uint16_t, 0x7f80>>(call);
    case DType::F32:
      return sort_rows<FloatKey<uint32_t, 0x7f800000>>(call);
    case DType::F64:
      return sort_rows<FloatKey<uint64_t, 0x7ff0000000000000>>(call);
  }
}

int64_t workspace(const Call& call) noexcept { return call.in[0].size() * static_cast<int64_t>(sizeof(Item)); }

}  // namespace

extern const Kernel kernel_argsort;
constinit const Kernel kernel_argsort = {argsort, workspace, nullptr};

}  // namespace ckeras::portable
