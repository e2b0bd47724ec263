#include "ops/argsort/argsort.h"

#include <algorithm>

#include "cpu/parallel.h"
#include "ops/argsort/radix.h"

namespace ckeras::portable {
namespace {

constexpr int64_t kPiece = 1 << 12;  // elements that one thread sorts, at least
constexpr int64_t kSlots = 32;       // pieces that have memory at a time

// Floats of U's width: the bits of infinity tell them apart.
template <class U, uint64_t kInfinity>
struct FloatKey {
  using Element = U;
  using Key = U;
  static U of(U bits) {
    constexpr U kSign = static_cast<U>(U{1} << (8 * sizeof(U) - 1));
    const U magnitude = static_cast<U>(bits & static_cast<U>(~kSign));
    if (magnitude > kInfinity) return static_cast<U>(~U{0});
    if (magnitude == 0) return kSign;
    return static_cast<U>(bits & kSign ? ~bits : bits | kSign);
  }
};
template <class T>
struct IntegerKey {
  using Element = T;
  using Key = std::make_unsigned_t<T>;
  static Key of(T x) {
    constexpr Key kSign = std::is_signed_v<T> ? static_cast<Key>(Key{1} << (8 * sizeof(T) - 1)) : Key{0};
    return static_cast<Key>(static_cast<Key>(x) ^ kSign);
  }
};

// Rows in pieces; those of one round share the workspace of kSlots pieces, two rows each.
struct Pieces {
  int64_t n, k, rows, piece, count, slots;
  explicit Pieces(const Call& call)
      : n(call.in[0].shape[call.in[0].rank - 1]), k(call.out[0].shape[call.out[0].rank - 1]) {
    rows = n > 0 ? call.in[0].size() / n : 0;
    piece = n > 0 ? std::max<int64_t>(1, kPiece / n) : 1;
    count = (rows + piece - 1) / piece;
    slots = std::min(count, kSlots);
  }
};

// items[0 ... k) = the k least of item(0) ... item(n - 1), sorted: a heap of the best so far, which few get into.
template <class Item, class Get>
void select_least(Item* items, int64_t k, int64_t n, const Get& item) {
  for (int64_t i = 0; i < k; ++i) items[i] = item(i);
  std::make_heap(items, items + k);
  for (int64_t i = k; i < n; ++i) {
    const Item next = item(i);
    if (!(next < items[0])) continue;
    std::pop_heap(items, items + k);
    items[k - 1] = next;
    std::push_heap(items, items + k);
  }
  std::sort_heap(items, items + k);
}

// finish(place in the results, row's place in x, place in the row) for each result.
template <class K, class Finish>
void sort_rows(const Call& call, K, const Finish& finish) {
  using Item = ItemOf<typename K::Key>;
  const Pieces cut(call);
  if (cut.k == 0) return;
  const auto flip = static_cast<typename K::Key>(call.ints[0] ? ~uint64_t{0} : 0);
  const auto* values = call.in[0].as<const typename K::Element>();
  for (int64_t round = 0; round < cut.count; round += cut.slots) {
    cpu::parallel_for(std::min(cut.slots, cut.count - round), 1, [&](int64_t begin, int64_t end) {
      for (int64_t slot = begin; slot < end; ++slot) {
        Item* items = static_cast<Item*>(call.workspace) + 2 * slot * cut.n;
        const int64_t first = (round + slot) * cut.piece;
        for (int64_t row = first; row < std::min(first + cut.piece, cut.rows); ++row) {
          const auto* from = values + row * cut.n;
          const auto item = [&](int64_t i) {
            return Item(static_cast<typename K::Key>(K::of(from[i]) ^ flip), static_cast<uint32_t>(i));
          };
          const Item* sorted = items;
          if (cut.k < cut.n / 8) {
            select_least(items, cut.k, cut.n, item);
          } else {
            for (int64_t i = 0; i < cut.n; ++i) items[i] = item(i);
            sorted = radix_sort(items, items + cut.n, cut.n);
          }
          for (int64_t i = 0; i < cut.k; ++i) finish(row * cut.k + i, row * cut.n, sorted[i].place());
        }
      }
    });
  }
}

template <class F>
void with_key(DType dtype, const F& f) {
  switch (dtype) {
    case DType::Bool:
    case DType::U8:
      return f(IntegerKey<uint8_t>{});
    case DType::I8:
      return f(IntegerKey<int8_t>{});
    case DType::I16:
      return f(IntegerKey<int16_t>{});
    case DType::I32:
      return f(IntegerKey<int32_t>{});
    case DType::I64:
      return f(IntegerKey<int64_t>{});
    case DType::U16:
      return f(IntegerKey<uint16_t>{});
    case DType::U32:
      return f(IntegerKey<uint32_t>{});
    case DType::U64:
      return f(IntegerKey<uint64_t>{});
    case DType::F16:
      return f(FloatKey<uint16_t, 0x7c00>{});
    case DType::BF16:
      return f(FloatKey<uint16_t, 0x7f80>{});
    case DType::F32:
      return f(FloatKey<uint32_t, 0x7f800000>{});
    case DType::F64:
      return f(FloatKey<uint64_t, 0x7ff0000000000000>{});
  }
}

void argsort(const Call& call) noexcept {
  int32_t* places = call.out[0].as<int32_t>();
  with_key(call.in[0].dtype, [&](auto key) {
    sort_rows(call, key, [=](int64_t to, int64_t, uint32_t place) { places[to] = static_cast<int32_t>(place); });
  });
}
void sort(const Call& call) noexcept {
  with_key(call.in[0].dtype, [&](auto key) {
    using Element = typename decltype(key)::Element;
    const auto* from = call.in[0].as<const Element>();
    auto* values = call.out[0].as<Element>();
    sort_rows(call, key, [=](int64_t to, int64_t row, uint32_t place) { values[to] = from[row + place]; });
  });
}

int64_t workspace(const Call& call) noexcept {
  const Pieces cut(call);
  int64_t item = 0;
  with_key(call.in[0].dtype, [&](auto key) { item = sizeof(ItemOf<typename decltype(key)::Key>); });
  return 2 * cut.slots * cut.n * item;
}

}  // namespace

extern const Kernel kernel_argsort, kernel_sort;
constinit const Kernel kernel_argsort = {argsort, workspace, nullptr};
constinit const Kernel kernel_sort = {sort, workspace, nullptr};

}  // namespace ckeras::portable
