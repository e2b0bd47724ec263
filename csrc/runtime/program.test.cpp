#include "runtime/program.h"

#include <atomic>
#include <cmath>
#include <stdexcept>
#include <thread>

#include "base/check.h"
#include "runtime/registry.h"

namespace ckeras {
namespace {

using Shape = std::vector<int64_t>;

Array filled(const Shape& shape, float value) {
  Array array = Array::empty(shape, DType::F32);
  for (int64_t i = 0; i < array.view.size(); ++i) array.view.as<float>()[i] = value;
  return array;
}

Array numbers(DType dtype, const Shape& shape, const std::vector<int64_t>& values) {
  Array array = Array::empty(shape, dtype);
  for (size_t i = 0; i < values.size(); ++i) {
    if (dtype == DType::F32) array.view.as<float>()[i] = static_cast<float>(values[i]);
    if (dtype == DType::I32) array.view.as<int32_t>()[i] = static_cast<int32_t>(values[i]);
  }
  return array;
}

Slot slot(SlotKind kind, int64_t ref, const Shape& shape, DType dtype = DType::F32) {
  return {kind, ref, checked_view(shape, dtype)};
}

float first(const Array& array) { return array.view.as<float>()[0]; }
float value(Cell& cell) {
  std::lock_guard lock(cell.mutex());
  return first(cell.array());
}

const int kAdd = op_id("add");
const int kMultiply = op_id("multiply");

// y = (x + 1) * x through the arena; the cell counts runs, in place or by a write at the end.
ProgramSpec example(std::shared_ptr<Cell> cell, bool in_place) {
  ProgramSpec spec;
  spec.slots = {slot(SlotKind::Input, 0, {4}), slot(SlotKind::Constant, 0, {}), slot(SlotKind::Arena, 64, {4}),
                slot(SlotKind::Fresh, 0, {4}), slot(SlotKind::Cell, 0, {4}),    slot(SlotKind::Arena, 0, {4})};
  spec.constants = {filled({}, 1)};
  spec.cells = {std::move(cell)};
  spec.instructions = {
      {kAdd, {0, 1}, {2}, {}, {}}, {kMultiply, {2, 0}, {3}, {}, {}}, {kAdd, {4, 1}, {in_place ? 4 : 5}, {}, {}}};
  if (!in_place) spec.writes = {{0, 5}};
  spec.outputs = {3, 2, 4};
  spec.arena_bytes = 128;
  return spec;
}

void test_runs() {
  for (const bool in_place : {true, false}) {
    const auto cell = std::make_shared<Cell>(filled({4}, 0));
    const Array seen = cell->array();  // somebody holds the first value
    Program program(example(cell, in_place));
    CHECK_EQ(program.n_inputs(), 1u);
    for (int i = 1; i <= 3; ++i) {
      const std::vector<Array> outputs = program.run(std::vector{filled({4}, static_cast<float>(i))});
      CHECK_EQ(first(outputs[0]), static_cast<float>((i + 1) * i));
      CHECK_EQ(first(outputs[1]), static_cast<float>(i + 1));
      CHECK_EQ(first(outputs[2]), static_cast<float>(in_place ? i : i - 1));
      CHECK_EQ(value(*cell), static_cast<float>(i));
    }
    CHECK_EQ(first(seen), 0.0f);
  }
}

void test_outputs_never_change() {
  const auto cell = std::make_shared<Cell>(filled({4}, 0));
  Program program(example(cell, true));
  const std::vector<Array> old = program.run(std::vector{filled({4}, 1)});
  program.run(std::vector{filled({4}, 5)});
  CHECK_EQ(first(old[0]), 2.0f);
  CHECK_EQ(first(old[1]), 2.0f);
  CHECK_EQ(first(old[2]), 1.0f);
}

// Two cells change places: both writes see the values before.
void test_swap() {
  const auto a = std::make_shared<Cell>(filled({2}, 1)), b = std::make_shared<Cell>(filled({2}, 2));
  ProgramSpec spec;
  spec.slots = {slot(SlotKind::Cell, 0, {2}), slot(SlotKind::Cell, 1, {2})};
  spec.cells = {a, b};
  spec.writes = {{0, 1}, {1, 0}};
  Program program(std::move(spec));
  program.run({});
  CHECK_EQ(value(*a), 2.0f);
  CHECK_EQ(value(*b), 1.0f);
  program.run({});
  CHECK_EQ(value(*a), 1.0f);
}

// One value under two shapes, as input, constant, cell and result.
void test_reshaped_slots() {
  const auto cell = std::make_shared<Cell>(filled({2, 2}, 3));
  ProgramSpec spec;
  spec.slots = {slot(SlotKind::Input, 0, {4}), slot(SlotKind::Input, 0, {2, 2}), slot(SlotKind::Constant, 0, {2, 2}),
                slot(SlotKind::Cell, 0, {4}), slot(SlotKind::Constant, 0, {1, 4})};
  spec.constants = {filled({4}, 7)};
  spec.cells = {cell};
  spec.instructions = {{kAdd, {0, 3}, {3}, {}, {}}};
  spec.outputs = {1, 2, 3, 4};
  Program program(std::move(spec));
  const auto outputs = program.run(std::vector{filled({4}, 1)});
  CHECK_EQ(describe(outputs[0].view), "float32[2, 2]");
  CHECK_EQ(describe(outputs[2].view), "float32[4]");
  CHECK_EQ(describe(outputs[3].view), "float32[1, 4]");
  CHECK_EQ(first(outputs[1]), 7.0f);
  CHECK_EQ(first(outputs[2]), 4.0f);
  CHECK_EQ(value(*cell), 4.0f);
  CHECK_THROWS(program.run(std::vector{filled({2, 2}, 1)}), std::invalid_argument);
}

// An adopted array is an output too: the cell's next write must not reach it.
void test_adopted_output() {
  const auto cell = std::make_shared<Cell>(filled({4}, 10));
  ProgramSpec spec;
  spec.slots = {slot(SlotKind::Cell, 0, {4}), slot(SlotKind::Constant, 0, {}), slot(SlotKind::Fresh, 0, {4})};
  spec.constants = {filled({}, 1)};
  spec.cells = {cell};
  spec.instructions = {{kAdd, {0, 1}, {2}, {}, {}}};
  spec.writes = {{0, 2}};
  spec.outputs = {2};
  Program program(std::move(spec));
  const Array first_run = program.run({})[0];
  program.run({});
  CHECK_EQ(first(first_run), 11.0f);
  CHECK_EQ(value(*cell), 12.0f);
}

void test_external_memory_is_never_written() {
  float memory[4] = {1, 2, 3, 4};
  Array array{Storage::external(memory, sizeof memory, nullptr, [](void*) noexcept {}),
              checked_view(Shape{4}, DType::F32)};
  array.view.data = memory;
  const auto cell = std::make_shared<Cell>(std::move(array));
  Program program(example(cell, true));
  program.run(std::vector{filled({4}, 1)});
  CHECK_EQ(memory[0], 1.0f);
  CHECK_EQ(value(*cell), 2.0f);
}

void refused(const char* what, void (*spoil)(ProgramSpec&)) {
  ProgramSpec spec = example(std::make_shared<Cell>(filled({4}, 0)), false);
  spoil(spec);
  bool thrown = false;
  try {
    Program program(std::move(spec));
  } catch (const std::invalid_argument&) {
    thrown = true;
  }
  if (!thrown) check::fail(__FILE__, __LINE__, what);
}

void test_nonsense_is_refused() {
  refused("input number", [](ProgramSpec& s) { s.slots[0].ref = -1; });
  refused("huge input number", [](ProgramSpec& s) { s.slots[0].ref = int64_t{1} << 60; });
  refused("constant number", [](ProgramSpec& s) { s.slots[1].ref = 1; });
  refused("constant type", [](ProgramSpec& s) { s.slots[1].view = checked_view(Shape{2}, DType::F32); });
  refused("cell number", [](ProgramSpec& s) { s.slots[4].ref = 7; });
  refused("cell type", [](ProgramSpec& s) { s.slots[4].view.dtype = DType::F64; });
  refused("same cell twice", [](ProgramSpec& s) { s.cells.push_back(s.cells[0]); });
  refused("beyond the arena", [](ProgramSpec& s) { s.slots[2].ref = 128; });
  refused("end of the arena", [](ProgramSpec& s) { s.arena_bytes = 79; });
  refused("offset overflow", [](ProgramSpec& s) { s.slots[2].ref = INT64_MAX - 63; });
  refused("negative offset", [](ProgramSpec& s) { s.slots[2].ref = -64; });
  refused("unaligned offset", [](ProgramSpec& s) { s.slots[2].ref = 4; });
  refused("negative arena", [](ProgramSpec& s) { s.arena_bytes = -1; });
  refused("huge arena", [](ProgramSpec& s) { s.arena_bytes = INT64_MAX; });
  refused("op id", [](ProgramSpec& s) { s.instructions[0].op = 100000; });
  refused("op id below", [](ProgramSpec& s) { s.instructions[0].op = -2; });
  refused("slot of an instruction", [](ProgramSpec& s) { s.instructions[0].in[1] = 6; });
  refused("number of operands", [](ProgramSpec& s) { s.instructions[0].in.pop_back(); });
  refused("number of outputs", [](ProgramSpec& s) { s.instructions[0].out.push_back(5); });
  refused("write to an input", [](ProgramSpec& s) { s.instructions[0].out[0] = 0; });
  refused("write to a constant", [](ProgramSpec& s) { s.instructions[0].out[0] = 1; });
  refused("broadcast", [](ProgramSpec& s) { s.slots[2].view = checked_view(Shape{3}, DType::F32); });
  refused("dtype", [](ProgramSpec& s) { s.slots[0].view.dtype = DType::I32; });
  refused("empty fused loop", [](ProgramSpec& s) { s.instructions[0] = {kFusedOp, {0}, {2}, {}, {}}; });
  refused("cell of a write", [](ProgramSpec& s) { s.writes[0].cell = 1; });
  refused("slot of a write", [](ProgramSpec& s) { s.writes[0].slot = -1; });
  refused("type of a write", [](ProgramSpec& s) { s.writes[0].slot = 1; });
  refused("cell written twice", [](ProgramSpec& s) { s.writes.push_back(s.writes[0]); });
  refused("output", [](ProgramSpec& s) { s.outputs[0] = 99; });
  refused("fused rank", [](ProgramSpec& s) { s.instructions[0] = {kFusedOp, {0}, {2}, {99}, {}}; });
  refused("fused stride", [](ProgramSpec& s) {
    s.instructions[0] = {kFusedOp, {0}, {2}, {1, 4, 1, 2, 1, op_id("square"), 11, 11, 1, 0, 1, 1}, {}};
  });
  refused("fused overflow", [](ProgramSpec& s) {
    s.instructions[0] = {kFusedOp, {0}, {2}, {1, 4, 1, INT64_MAX, 1, op_id("square"), 11, 11, 1, 0, 1, 1}, {}};
  });
}

void test_inputs_are_checked() {
  Program program(example(std::make_shared<Cell>(filled({4}, 0)), true));
  CHECK_THROWS(program.run({}), std::invalid_argument);
  CHECK_THROWS(program.run(std::vector{filled({5}, 0)}), std::invalid_argument);
  CHECK_THROWS(program.run(std::vector{numbers(DType::I32, {4}, {})}), std::invalid_argument);
  CHECK_THROWS(program.run(std::vector{filled({4}, 0), filled({4}, 0)}), std::invalid_argument);
}

// x[indices] into the arena, then a count in the cell, which must not happen when the gather faults.
void test_fault_stops() {
  const auto cell = std::make_shared<Cell>(filled({4}, 0));
  ProgramSpec spec = example(cell, false);
  spec.slots.push_back(slot(SlotKind::Input, 1, {2}, DType::I32));
  spec.slots.push_back(slot(SlotKind::Fresh, 0, {2}));
  spec.instructions.insert(spec.instructions.begin(), {op_id("gather"), {0, 6}, {7}, {0, 0}, {}});
  spec.outputs.push_back(7);
  Program program(std::move(spec));
  const Array x = numbers(DType::F32, {4}, {5, 6, 7, 8});
  CHECK_EQ(first(program.run(std::vector{x, numbers(DType::I32, {2}, {3, 0})})[3]), 8.0f);
  CHECK_THROWS(program.run(std::vector{x, numbers(DType::I32, {2}, {0, 4})}), FaultError);
  try {
    program.run(std::vector{x, numbers(DType::I32, {2}, {0, 4})});
  } catch (const FaultError& error) {
    CHECK_EQ(std::string(error.op), "gather");
    CHECK_EQ(error.fault.value, 4);
    CHECK_EQ(error.fault.limit, 4);
  }
  CHECK_EQ(value(*cell), 1.0f);
  program.run(std::vector{x, numbers(DType::I32, {2}, {1, 1})});  // the Program lives on
  CHECK_EQ(value(*cell), 2.0f);
}

// y = (x + 1) * x where the host adds the one; what it throws ends the run before the write.
void test_host_functions() {
  const auto cell = std::make_shared<Cell>(filled({4}, 0));
  ProgramSpec spec = example(cell, false);
  spec.instructions[0] = {kHostOp, {0}, {2}, {0}, {}};
  spec.hosts = {{"add_one", [](std::span<const View> in, std::span<const View> out) {
                   const float x = in[0].as<const float>()[0];
                   if (x < 0) throw std::runtime_error("negative");
                   out[0].as<float>()[0] = x + 1;
                 }}};
  ProgramSpec wrong = spec;
  wrong.instructions[0].ints = {1};
  CHECK_THROWS(Program(std::move(wrong)), std::invalid_argument);
  Program program(std::move(spec));
  CHECK_EQ(first(program.run(std::vector{filled({4}, 3)})[0]), 12.0f);
  CHECK_THROWS(program.run(std::vector{filled({4}, -3)}), std::runtime_error);
  CHECK_EQ(value(*cell), 1.0f);
  std::vector<StepTime> times;
  program.profile(std::vector{filled({4}, 3)}, &times);
  CHECK_EQ(std::string(times[0].name), "add_one");
  CHECK_EQ(value(*cell), 2.0f);
}

void test_threads() {
  const auto cell = std::make_shared<Cell>(filled({4}, 0));
  Program writer(example(cell, true));
  ProgramSpec reading = example(cell, true);
  reading.instructions.pop_back();
  Program reader(std::move(reading));
  constexpr int kThreads = 4, kRuns = 300;
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      const auto x = static_cast<float>(t);
      for (int i = 0; i < kRuns; ++i) {
        const auto outputs = (t % 2 ? writer : reader).run(std::vector{filled({4}, x)});
        CHECK_EQ(first(outputs[0]), (x + 1) * x);
        CHECK_EQ(outputs[2].view.as<float>()[0], outputs[2].view.as<float>()[3]);  // no half step is seen
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK_EQ(value(*cell), static_cast<float>(kThreads / 2 * kRuns));
}

void test_profile() {
  Program program(example(std::make_shared<Cell>(filled({4}, 0)), true));
  std::vector<StepTime> times;
  program.profile(std::vector{filled({4}, 1)}, &times);
  CHECK_EQ(times.size(), 3u);
  CHECK_EQ(std::string(times[1].name), "multiply");
  CHECK(times[1].microseconds >= 0);
}

// The cell gathers the sum of the rows that came by.
void test_run_steps() {
  const auto cell = std::make_shared<Cell>(filled({2}, 0));
  ProgramSpec spec;
  spec.slots = {slot(SlotKind::Input, 0, {2}), slot(SlotKind::Cell, 0, {2}), slot(SlotKind::Fresh, 0, {2})};
  spec.cells = {cell};
  spec.instructions = {{kAdd, {1, 0}, {1}, {}, {}}, {kAdd, {0, 0}, {2}, {}, {}}};
  spec.outputs = {2};
  Program program(std::move(spec));
  const std::vector<Array> data = {numbers(DType::F32, {6}, {1, 2, 3, 4, 5, 6})};
  const std::vector<int64_t> order = {5, 0, 1, 2, 4, 3};
  std::vector<Array> outputs;
  const auto never = [] { return false; };
  const auto run = [&](int64_t batch, int64_t first_step, int64_t count, double seconds) {
    return program.run_steps({data, order, batch}, first_step, count, seconds, never, &outputs);
  };
  CHECK_EQ(run(2, 0, 3, 1e9), 3);
  CHECK_EQ(first(outputs[0]), 10.0f);    // last batch: rows 4 and 3, doubled
  CHECK_EQ(value(*cell), 6.0f + 2 + 5);  // first column of the batches
  CHECK_EQ(run(2, 1, 2, 0), 1);          // the clock stops it after the first
  CHECK_EQ(first(outputs[0]), 4.0f);
  CHECK_EQ(run(2, 3, 0, 1e9), 0);
  CHECK_THROWS(run(2, 2, 2, 1e9), std::invalid_argument);
  CHECK_THROWS(run(2, INT64_MAX, 2, 1e9), std::invalid_argument);
  CHECK_THROWS(run(0, 0, 1, 1e9), std::invalid_argument);
  CHECK_THROWS(run(-1, 0, 1, 1e9), std::invalid_argument);
  CHECK_THROWS(run(3, 0, 1, 1e9), std::invalid_argument);  // the Program takes two rows
  CHECK_THROWS(run(2, -1, 1, 1e9), std::invalid_argument);
  const float before = value(*cell);
  for (const int64_t row : {int64_t{-1}, int64_t{6}, INT64_MAX}) {
    const std::vector<int64_t> wrong = {0, 1, 2, row};
    CHECK_THROWS(program.run_steps({data, wrong, 2}, 0, 2, 1e9, never, &outputs), std::invalid_argument);
  }
  CHECK_EQ(value(*cell), before);  // refused before the first step
  const std::vector<int64_t> many(200000, 1);
  CHECK(program.run_steps({data, many, 2}, 0, 100000, 1e9, [] { return true; }, &outputs) < 100000);
}

}  // namespace
}  // namespace ckeras

int main() {
  ckeras::test_runs();
  ckeras::test_outputs_never_change();
  ckeras::test_swap();
  ckeras::test_reshaped_slots();
  ckeras::test_adopted_output();
  ckeras::test_external_memory_is_never_written();
  ckeras::test_nonsense_is_refused();
  ckeras::test_inputs_are_checked();
  ckeras::test_fault_stops();
  ckeras::test_host_functions();
  ckeras::test_threads();
  ckeras::test_profile();
  ckeras::test_run_steps();
  return CHECK_RESULT();
}
