// The fused loop: elementwise steps, alone or in a chain, run over tiles that stay in the L1 cache
// (docs/architecture.md, section 5).
#pragma once
#include <cstdint>
#include <vector>

#include "base/dtype.h"
#include "runtime/fold.h"
#include "runtime/kernel.h"

namespace ckeras {

// [op id] -> Kernel::tile of the instruction set in use; null for an op that is not elementwise. For `cast` the entries
// are [from * kDTypes + to]; for every other op [dtype of the value operands].
using TileTables = const TileFn* const*;

// [op id] -> FoldRow::of of the instruction set in use; null for an op that no loop may end in.
using FoldTables = const Fold* const* const*;

inline constexpr int kMaxReductions = 4;  // of one loop

struct FusedScratch;

// A chain, and the reductions at its end, decoded once. It holds no pointer to data and none to `ints`: one plan serves
// any number of runs, and threads.
class Fused {
 public:
  Fused() = default;

  // `ints` as section 5 says, `inputs` the dtypes of the inputs. Throws std::invalid_argument for ints that are no
  // chain. Without `folds` no loop may end in a reduction.
  Fused(const int64_t* ints, int64_t n_ints, const DType* inputs, TileTables tiles, FoldTables folds = nullptr) {
    plan(ints, n_ints, inputs, tiles, folds);
  }

  // Makes this the plan of another chain; memory is used again.
  void plan(const int64_t* ints, int64_t n_ints, const DType* inputs, TileTables tiles, FoldTables folds = nullptr);

  // Bytes of workspace that run() needs, 64-byte aligned; 0 unless a reduction ends the chain.
  int64_t workspace() const { return workspace_; }

  // An output that is not reduced may be the very memory of an input that has its dtype and is not broadcast.
  void run(const void* const* in, void* const* out, void* workspace) const noexcept;

 private:
  // Where the elements of an input come from, for a tile that begins at element i of the loop:
  //   Direct    they lie there: base + i          Scalar    one value, splat once
  //   Pattern   a row that repeats, laid out once so that every tile is a window of it
  //   Gather    any strides: copied tile by tile, unless the tile's elements are neighbours
  enum class Access : uint8_t { Direct, Scalar, Pattern, Gather };

  // Dimensions that an input walks, those that it walks as one joined. Strides are elements.
  struct Walk {
    int rank = 0;
    int64_t shape[kMaxRank];
    int64_t strides[kMaxRank];
  };
  struct Input {
    Access access;
    uint8_t size;    // bytes of an element
    bool repeats;    // Gather: kCopies of the one element of a row, for a tile within it
    int32_t slot;    // scratch, unless Direct
    int64_t period;  // Pattern: length of the row
    int64_t strides[kMaxRank];
    Walk walk;
  };
  struct Register {
    DType dtype;
    int16_t input;      // number of the input, or -1
    int16_t output;     // number of the output that it is written to directly, or -1
    int16_t widened;    // of a half: the register with its float32 values, or -1
    int32_t slot;       // scratch, or -1
    int32_t made;       // by this step; -1: an input
    int32_t last_read;  // by this step; -1: never
  };
  struct Step {
    TileFn fn;
    bool splits;        // takes operands that are repeated
    unsigned repeated;  // those that are, in a tile within a row
    bool once;          // they all are, and so is the result
    int16_t n_args;
    int16_t result;
    int16_t args[3];
  };
  struct Copy {  // to an output at the end of a tile
    int16_t from;
    int16_t output;
    uint8_t size;
  };

  struct Reduction {
    const Fold* fold;
    int16_t from;  // register
    int16_t output;
    bool in_memory;   // what it folds is an output, too, and lies there
    int64_t results;  // of chunks: bytes into the workspace
  };
  // How the loop, seen as [outer, n, inner] with n reduced, becomes items of parallel work:
  //   Blocks    whole outer indices, several in a tile    Row       one chunk of one row, tile by tile
  //   Columns   one chunk, whole rows in a tile           Segments  one chunk of `width` columns, four rows at once
  struct Cut {
    enum Way : uint8_t { Blocks, Row, Columns, Segments };
    Way way;
    int64_t outer, n, inner;
    int64_t chunks;    // of n
    int64_t length;    // of a chunk
    int64_t segments;  // of inner
    int64_t width;     // of a segment
    int64_t rows;      // a tile has, of what the way says
    int64_t items, grain;
  };

  class Reader;
  void read_loop(Reader& ints, const DType* inputs);
  std::vector<int16_t> read_steps(Reader& ints, TileTables tiles);
  void read_outputs(Reader& ints, const std::vector<int16_t>& numbered, FoldTables folds);
  void cut_reductions();
  void place_outputs();
  void collapse();
  Walk walk_of(const Input& input) const;
  void choose_access(Input& input) const;
  void find_repeats();
  void place_registers();
  int16_t add_register(DType dtype, int made);
  int16_t add_step(TileFn fn, const int16_t* args, int n_args, DType key, DType result);
  int16_t widen(int16_t half, TileTables tiles);

  void lay_out(const void* const* in, int64_t longest, FusedScratch& scratch) const noexcept;
  void run_tile(const void* const* in, void* const* out, int64_t first, int64_t n,
                FusedScratch& scratch) const noexcept;
  void run_reductions(const void* const* in, void* const* out, void* workspace) const noexcept;
  void join(const Reduction& r, const unsigned char* workspace, void* const* out, int64_t first,
            int64_t n) const noexcept;
  static const void* repeat_one(const Input& input, const void* base, int64_t begin, void* to) noexcept;
  static const void* gather(const Input& input, const void* base, int64_t begin, int64_t n, void* to) noexcept;

  int rank_ = 0;
  int64_t shape_[kMaxRank];
  int64_t size_ = 0;
  int64_t tile_ = 0;   // elements
  int64_t row_ = 0;    // elements along which inputs repeat one; INT64_MAX: scalars alone do
  int64_t grain_ = 0;  // elements a thread takes at once: tiles
  int32_t slot_bytes_ = 0;
  std::vector<Input> inputs_;
  std::vector<Register> registers_;
  std::vector<Step> steps_;
  std::vector<int16_t> outputs_;
  std::vector<Copy> copies_;
  std::vector<Reduction> reductions_;
  Cut cut_;
  int64_t workspace_ = 0;
};

// One op on views whose shapes broadcast to the output's; `ints` and `floats` of the call are not read.
void run_elementwise(int op_id, const Call& call, TileTables tiles) noexcept;

}  // namespace ckeras
