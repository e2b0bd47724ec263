// Chains that end in reductions: tiles of the chain are folded while they lie in the L1 cache, in the order of the
// stand-alone kernels (ops/reduce/reduce.h), by the code of the stand-alone kernels (runtime/fold.h).
#include <algorithm>
#include <cstring>

#include "cpu/parallel.h"
#include "runtime/fused.h"
#include "runtime/fused_limits.h"

namespace ckeras {
namespace {

// Elements of a row that are folded at once when four whole rows are no tile: long runs of memory where there are
// chunks enough to share, short ones otherwise.
constexpr int64_t kSegment = kMaxTile;
constexpr int64_t kShortSegment = 256;
constexpr int64_t kManyChunks = 8;
constexpr int64_t kWidest = 8;  // bytes of an element, at most

int64_t pieces(int64_t n, int64_t length) { return (n + length - 1) / length; }
int64_t aligned(int64_t bytes) { return (bytes + 63) / 64 * 64; }

struct FoldScratch {
  FusedScratch chain;
  alignas(64) unsigned char state[kMaxReductions][kFoldState];
  alignas(64) unsigned char rows[kMaxReductions][4 * kSegment * kWidest];
};

}  // namespace

// How the loop [outer, n, inner] is cut into items, and where their results lie in the workspace:
// results[(outer index * chunks + chunk) * inner + inner index].
void Fused::cut_reductions() {
  Cut& cut = cut_;
  const Fold& fold = *reductions_[0].fold;
  const int64_t length = cut.inner == 1 ? fold.row_chunk : fold.column_chunk;
  const int64_t block = cut.n * cut.inner;
  cut.chunks = std::max<int64_t>(1, pieces(cut.n, length));
  cut.length = length;
  cut.segments = 1;
  cut.width = cut.inner;
  int64_t cost;  // elements of an item
  if (block <= tile_ && cut.chunks == 1) {
    cut.way = Cut::Blocks;
    cut.rows = std::max<int64_t>(1, tile_ / std::max<int64_t>(1, block));
    cut.items = pieces(cut.outer, cut.rows);
    cost = cut.rows * block;
  } else if (cut.inner == 1) {
    cut.way = Cut::Row;
    cut.rows = tile_;
    cut.items = cut.outer * cut.chunks;
    cost = std::min(cut.n, length);
  } else {
    cut.way = 4 * cut.inner <= tile_ ? Cut::Columns : Cut::Segments;
    cut.rows = cut.way == Cut::Columns ? tile_ / cut.inner / 4 * 4 : 4;
    if (cut.way == Cut::Segments) {
      const int64_t most = std::min(tile_, cut.outer * cut.chunks < kManyChunks ? kShortSegment : kSegment);
      cut.width = std::min(cut.inner, pieces(pieces(cut.inner, pieces(cut.inner, most)), 16) * 16);
      cut.segments = pieces(cut.inner, cut.width);
    }
    cut.items = cut.outer * cut.chunks * cut.segments;
    cost = std::min(cut.n, length) * cut.width;
  }
  cut.grain = std::max<int64_t>(1, grain_ / std::max<int64_t>(1, cost));
  workspace_ = 0;
  for (Reduction& r : reductions_) {
    r.in_memory = registers_[r.from].output >= 0;
    r.results = workspace_;
    workspace_ += aligned(cut.outer * cut.chunks * cut.inner * r.fold->result_size);
  }
}

void Fused::run_reductions(const void* const* in, void* const* out, void* workspace) const noexcept {
  const Cut& cut = cut_;
  unsigned char* const results = static_cast<unsigned char*>(workspace);
  cpu::parallel_for(cut.items, cut.grain, [&](int64_t begin, int64_t end) {
    FoldScratch scratch;
    const void* folded[kMaxReductions];  // four rows of a segment
    if (size_ > 0) lay_out(in, std::min(tile_, size_), scratch.chain);

    // Elements first ... first + n - 1 of the loop; then scratch.chain.at says where the values lie.
    const auto make = [&](int64_t first, int64_t n) {
      if (n > 0) run_tile(in, out, first, n, scratch.chain);
    };
    const auto at = [&](const Reduction& r) { return size_ > 0 ? scratch.chain.at[r.from] : nullptr; };

    for (int64_t item = begin; item < end; ++item) {
      if (cut.way == Cut::Blocks) {
        const int64_t o = item * cut.rows;
        const int64_t count = std::min(cut.rows, cut.outer - o);
        const int64_t block = cut.n * cut.inner;
        make(o * block, count * block);
        for (const Reduction& r : reductions_) {
          unsigned char* to = results + r.results + o * cut.inner * r.fold->result_size;
          if (cut.inner == 1) {
            r.fold->rows(at(r), count, cut.n, to);
          } else {
            for (int64_t i = 0; i < count; ++i) {
              const void* x = static_cast<const unsigned char*>(at(r)) + i * block * r.fold->element_size;
              r.fold->columns(x, cut.n, cut.inner, cut.inner, to + i * cut.inner * r.fold->result_size, true);
            }
          }
          join(r, results, out, o * cut.inner, count * cut.inner);
        }
        continue;
      }

      const int64_t segment = item % cut.segments;
      const int64_t chunk = item / cut.segments % cut.chunks;
      const int64_t o = item / cut.segments / cut.chunks;
      const int64_t column = segment * cut.width;
      const int64_t width = std::min(cut.width, cut.inner - column);
      const int64_t first = chunk * cut.length;
      const int64_t count = std::min(cut.length, cut.n - first);
      const int64_t begin_of_chunk = (o * cut.n + first) * cut.inner + column;
      const int64_t place = (o * cut.chunks + chunk) * cut.inner + column;

      for (int64_t row = 0; row < count; row += cut.rows) {
        const int64_t n = std::min(cut.rows, count - row);
        if (cut.way == Cut::Segments) {
          for (int64_t i = 0; i < n; ++i) {
            make(begin_of_chunk + (row + i) * cut.inner, width);
            for (size_t k = 0; k < reductions_.size(); ++k) {
              const Reduction& r = reductions_[k];
              if (r.in_memory && i > 0) continue;
              folded[k] = r.in_memory ? at(r) : scratch.rows[k];
              if (r.in_memory) continue;
              std::memcpy(scratch.rows[k] + i * width * r.fold->element_size, at(r),
                          static_cast<size_t>(width * r.fold->element_size));
            }
          }
        } else {
          make(begin_of_chunk + row * cut.inner, n * cut.inner);
        }
        for (size_t k = 0; k < reductions_.size(); ++k) {
          const Reduction& r = reductions_[k];
          if (cut.way == Cut::Row) {
            r.fold->add(scratch.state[k], at(r), n, row == 0);
          } else {
            const bool apart = cut.way == Cut::Segments;
            r.fold->columns(apart ? folded[k] : at(r), n, apart && r.in_memory ? cut.inner : width, width,
                            results + r.results + place * r.fold->result_size, row == 0);
          }
        }
      }
      for (size_t k = 0; k < reductions_.size(); ++k) {
        const Reduction& r = reductions_[k];
        if (cut.way == Cut::Row) r.fold->finish(scratch.state[k], results + r.results + place * r.fold->result_size);
        if (cut.chunks == 1) join(r, results, out, place, width);
      }
    }
  });
  if (cut.chunks == 1) return;
  for (const Reduction& r : reductions_) {
    cpu::parallel_for(cut.outer * cut.inner, std::max<int64_t>(1, kLoneGrain / cut.chunks),
                      [&](int64_t begin, int64_t end) { join(r, results, out, begin, end - begin); });
  }
}

// The chunks' results of outputs first ... first + n - 1, put together.
void Fused::join(const Reduction& r, const unsigned char* workspace, void* const* out, int64_t first,
                 int64_t n) const noexcept {
  unsigned char* to = static_cast<unsigned char*>(out[r.output]);
  for (int64_t i = first; i < first + n;) {
    const int64_t o = i / cut_.inner;
    // With one chunk the results of all outer indices are neighbours.
    const int64_t run = cut_.chunks == 1 ? first + n - i : std::min(first + n, (o + 1) * cut_.inner) - i;
    const int64_t place = cut_.chunks == 1 ? i : o * cut_.chunks * cut_.inner + i % cut_.inner;
    r.fold->join(workspace + r.results + place * r.fold->result_size, cut_.chunks, cut_.inner, run,
                 to + i * r.fold->element_size);
    i += run;
  }
}

}  // namespace ckeras
