// A traced program: a flat list of ops over numbered slots, decoded once and replayed without Python.
#pragma once
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "runtime/block.h"
#include "runtime/cell.h"
#include "runtime/feed.h"

namespace ckeras {

struct Write {
  int64_t cell, slot;
};

struct ProgramSpec : BlockSpec {
  std::vector<std::shared_ptr<Cell>> cells;
  std::vector<Write> writes;
};

class Program {
 public:
  // Throws std::invalid_argument for a spec that does not fit together: numbers out of range, sizes beyond the arena,
  // types that differ, outputs into inputs or constants.
  explicit Program(ProgramSpec spec);
  ~Program();

  size_t n_inputs() const { return block_.inputs().size(); }

  // Runs once. Several threads may run one Program; those that write the same cells take turns. Throws
  // std::invalid_argument for inputs of another shape or dtype, FaultError when a kernel meets a bad value (the
  // instructions after it and all writes do not happen), OutOfMemory, and what a host function throws.
  std::vector<Array> run(std::span<const Array> inputs) { return run_frame(inputs, nullptr); }

  // The same, and how long each instruction took.
  std::vector<Array> profile(std::span<const Array> inputs, std::vector<StepTime>* times) {
    return run_frame(inputs, times);
  }

  // Runs batches first, first + 1, ... and returns how many were done: `count`, fewer once `seconds` have passed or
  // `interrupted`, asked about every 10 ms, is true. `outputs` are those of the last one.
  int64_t run_steps(const Batches& batches, int64_t first, int64_t count, double seconds,
                    const std::function<bool()>& interrupted, std::vector<Array>* outputs);

 private:
  struct Frame;
  class FrameLease;
  struct CellUse {
    bool in_place = false;  // an instruction writes its slot
    bool written = false;   // in place, or at the end
  };

  void check_cells();
  void check_writes();
  void check_inputs(std::span<const Array> inputs) const;
  std::vector<Array> run_frame(std::span<const Array> inputs, std::vector<StepTime>* times);
  void commit(Frame& frame) const;
  Array value_of(int64_t slot, const Frame& frame) const;

  const Block block_;
  const std::vector<std::shared_ptr<Cell>> cells_;
  const std::vector<Write> writes_;
  std::vector<CellUse> cell_uses_;   // by cell number
  std::vector<int64_t> lock_order_;  // cell numbers by address, so that two Programs cannot wait for each other
  std::vector<int64_t> fresh_slots_;

  std::mutex frames_mutex_;
  std::vector<std::unique_ptr<Frame>> idle_frames_;
};

}  // namespace ckeras
