// Reductions in pieces. Included by .isa.cpp files: only plain types here.
#pragma once
#include <cstdint>

namespace ckeras {

// The pieces of which a stand-alone reduction is made (ops/reduce/reduce.h says the order), on one thread: a loop that
// makes the elements tile by tile folds them by the same ones. A chunk has a result of result_size bytes.
struct Fold {
  int64_t element_size;  // bytes, of what is folded and of an output
  int64_t result_size;
  int64_t row_chunk;     // elements of a row that make one chunk
  int64_t column_chunk;  // rows that make one chunk, when columns are folded

  // A chunk of a row: add n elements, `first` ones or further ones, n a multiple of 64 but in the last call; finish.
  // The state has kFoldState bytes, aligned to 64.
  void (*add)(void* state, const void* x, int64_t n, bool first) noexcept;
  void (*finish)(const void* state, void* result) noexcept;
  // Rows of n elements, a chunk each.
  void (*rows)(const void* x, int64_t rows, int64_t n, void* results) noexcept;
  // A chunk of columns: n rows of `width` elements, `stride` elements apart, n a multiple of 4 but in the last call.
  void (*columns)(const void* x, int64_t n, int64_t stride, int64_t width, void* results, bool first) noexcept;
  // n outputs, each from the results of its chunks, which are `stride` results apart.
  void (*join)(const void* results, int64_t chunks, int64_t stride, int64_t n, void* out) noexcept;
};
inline constexpr int64_t kFoldState = 256;

// One reduction of an instruction set: ckeras::<isa>::folds lists them all. The plain reference kernels have none.
struct FoldRow {
  const char* op;
  const Fold* const* of;  // [dtype], null where the reduction is not defined
};
inline constexpr int kFoldRows = 6;

}  // namespace ckeras
