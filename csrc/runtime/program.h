// A traced program: a flat list of ops over numbered slots, decoded once and replayed without Python.
#pragma once
#include <functional>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "runtime/cell.h"
#include "runtime/feed.h"
#include "runtime/step.h"

namespace ckeras {

enum class SlotKind : uint8_t { Input, Constant, Cell, Arena, Fresh };
inline constexpr int kSlotKinds = 5;

struct Slot {
  SlotKind kind;
  int64_t
      ref;  // number of the input, constant or cell; byte offset in the arena, a multiple of kAlignment; Fresh: unused
  View view;  // shape and dtype, no data. The first slot of an input says its shape, later ones may reshape it
};

struct Instruction {
  int op;
  std::vector<int64_t> in, out;  // slots
  std::vector<int64_t> ints;
  std::vector<double> floats;
};

struct Write {
  int64_t cell, slot;
};

// The op id of a step that calls the host back: its only int is the function's number.
inline constexpr int kHostOp = -2;

// Code outside the engine that fills `out` from `in`; it may throw, which ends the run as a fault does. It must not
// touch the cells of the program that calls it.
struct HostFunction {
  std::string name;
  std::function<void(std::span<const View> in, std::span<const View> out)> call;
};

struct ProgramSpec {
  std::vector<Slot> slots;
  std::vector<Array> constants;
  std::vector<std::shared_ptr<Cell>> cells;
  std::vector<Instruction> instructions;
  std::vector<Write> writes;
  std::vector<int64_t> outputs;
  int64_t arena_bytes = 0;
  std::vector<HostFunction> hosts;
};

struct StepTime {
  const char* name;
  double microseconds;
};

class Program {
 public:
  // Throws std::invalid_argument for a spec that does not fit together: numbers out of range, sizes beyond the arena,
  // types that differ, outputs into inputs or constants.
  explicit Program(ProgramSpec spec);
  ~Program();

  size_t n_inputs() const { return inputs_.size(); }
  size_t n_steps() const { return steps_.size(); }

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
  // An argument of an instruction whose data pointer differs from run to run.
  struct Patch {
    int64_t slot, argument;
  };
  struct CellUse {
    bool in_place = false;  // an instruction writes its slot
    bool written = false;   // in place, or at the end
  };

  void check_slots();
  void decode();
  void decode_host(const Instruction& instruction);
  void check_inputs(std::span<const Array> inputs) const;
  std::vector<Array> run_frame(std::span<const Array> inputs, std::vector<StepTime>* times);
  void execute(Frame& frame, std::vector<StepTime>* times) const;
  void commit(Frame& frame) const;
  Array value_of(int64_t slot, const Frame& frame) const;

  const ProgramSpec spec_;
  std::vector<const Slot*> inputs_;  // by input number
  std::vector<CellUse> cell_uses_;   // by cell number
  std::vector<int64_t> lock_order_;  // cell numbers by address, so that two Programs cannot wait for each other
  std::vector<int64_t> fresh_slots_;
  std::vector<Step> steps_;                     // a host function's place holds an empty step
  std::vector<const HostFunction*> hosts_;      // of each step; null: a kernel
  std::vector<int64_t> first_argument_;         // of each step in Frame::arguments; inputs, then outputs
  std::vector<View> arguments_;                 // of all steps, without data
  std::vector<Patch> patches_, fixed_patches_;  // fixed: constants and arena, the same in every run of a frame
  int64_t workspace_bytes_ = 0;

  std::mutex frames_mutex_;
  std::vector<std::unique_ptr<Frame>> idle_frames_;
};

}  // namespace ckeras
