// A contiguous row-major array: a view into counted memory. A plain value; copies share the memory.
#pragma once
#include <span>
#include <string>

#include "base/view.h"
#include "runtime/storage.h"

namespace ckeras {

struct Array {
  StorageRef storage;
  View view{};

  // Contents undefined. Throws std::invalid_argument for a shape that checked_view refuses, OutOfMemory.
  static Array empty(std::span<const int64_t> shape, DType dtype);
  // The same of a view that was checked.
  static Array empty(const View& type);
  // The same bytes in fresh memory of the allocator.
  static Array copy_of(const View& view);

  // Share the memory. Throw std::invalid_argument when the sizes differ, the rank is 0 or the range is outside.
  Array reshape(std::span<const int64_t> shape) const;
  Array slice0(int64_t start, int64_t stop) const;
};

// A view without data. Throws std::invalid_argument for a rank above kMaxRank, a negative dimension, or more bytes than
// 63 bits count.
View checked_view(std::span<const int64_t> shape, DType dtype);

bool same_type(const View& a, const View& b);  // equal shape and dtype
std::string describe(const View& view);        // "float32[2, 3]"

}  // namespace ckeras
