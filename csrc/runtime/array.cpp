#include "runtime/array.h"

#include <algorithm>
#include <cstring>
#include <stdexcept>

namespace ckeras {

View checked_view(std::span<const int64_t> shape, DType dtype) {
  if (shape.size() > kMaxRank) {
    throw std::invalid_argument("an array has at most " + std::to_string(kMaxRank) + " dimensions, got " +
                                std::to_string(shape.size()));
  }
  View view{nullptr, {}, static_cast<int32_t>(shape.size()), dtype};
  int64_t bytes = size_of(dtype);
  for (size_t i = 0; i < shape.size(); ++i) {
    view.shape[i] = shape[i];
    if (shape[i] < 0) throw std::invalid_argument("a dimension cannot be negative, got " + describe(view));
    // Zeros are left out: the other dimensions alone must be countable, so that no partial product overflows either.
    if (shape[i] > 0 && __builtin_mul_overflow(bytes, shape[i], &bytes)) {
      throw std::invalid_argument("too many elements: the shape needs more than 2^63 bytes");
    }
  }
  return view;
}

Array Array::empty(std::span<const int64_t> shape, DType dtype) { return empty(checked_view(shape, dtype)); }

Array Array::empty(const View& type) {
  Array array{Storage::allocate(type.nbytes()), type};
  array.view.data = array.storage->data();
  return array;
}

Array Array::copy_of(const View& view) {
  Array array{Storage::allocate(view.nbytes()), view};
  array.view.data = array.storage->data();
  if (const int64_t bytes = view.nbytes()) std::memcpy(array.view.data, view.data, static_cast<size_t>(bytes));
  return array;
}

Array Array::reshape(std::span<const int64_t> shape) const {
  Array result{storage, checked_view(shape, view.dtype)};
  if (result.view.size() != view.size()) {
    throw std::invalid_argument("cannot reshape " + describe(view) + " to " + describe(result.view) +
                                ": the sizes differ");
  }
  result.view.data = view.data;
  return result;
}

Array Array::slice0(int64_t start, int64_t stop) const {
  if (view.rank == 0) throw std::invalid_argument("slice0 needs an array with at least one dimension, got rank 0");
  if (start < 0 || stop < start || stop > view.shape[0]) {
    throw std::invalid_argument("slice0(" + std::to_string(start) + ", " + std::to_string(stop) + ") is outside of " +
                                describe(view));
  }
  Array result = *this;
  result.view.shape[0] = stop - start;
  const int64_t row = view.shape[0] == 0 ? 0 : view.nbytes() / view.shape[0];
  result.view.data = view.as<char>() + start * row;
  return result;
}

bool same_type(const View& a, const View& b) {
  return a.dtype == b.dtype && a.rank == b.rank && std::equal(a.shape, a.shape + a.rank, b.shape);
}

std::string describe(const View& view) {
  std::string text = std::string(name_of(view.dtype)) + "[";
  for (int i = 0; i < view.rank; ++i) text += (i ? ", " : "") + std::to_string(view.shape[i]);
  return text + "]";
}

}  // namespace ckeras
