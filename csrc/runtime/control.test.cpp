#include "runtime/control.h"

#include <algorithm>
#include <climits>
#include <stdexcept>

#include "base/check.h"
#include "runtime/program.h"
#include "runtime/registry.h"

namespace ckeras {
namespace {

using Shape = std::vector<int64_t>;

template <class T>
Array numbers(DType dtype, const Shape& shape, const std::vector<T>& values) {
  Array array = Array::empty(shape, dtype);
  std::copy(values.begin(), values.end(), array.view.as<T>());
  return array;
}

Array floats(const Shape& shape, const std::vector<float>& values) { return numbers(DType::F32, shape, values); }
Array integer(int32_t value) { return numbers<int32_t>(DType::I32, {}, {value}); }

Slot slot(SlotKind kind, int64_t ref, const Shape& shape, DType dtype = DType::F32) {
  return {kind, ref, checked_view(shape, dtype)};
}

// in0 op in1.
BlockSpec binary(const char* op, const Shape& shape) {
  BlockSpec block;
  block.slots = {slot(SlotKind::Input, 0, shape), slot(SlotKind::Input, 1, shape), slot(SlotKind::Fresh, 0, shape)};
  block.instructions = {{op_id(op), {0, 1}, {2}, {}, {}}};
  block.outputs = {2};
  return block;
}

// Inputs: index, a, b. Branches: a + b, a * b, b itself.
ProgramSpec choice() {
  ProgramSpec spec;
  spec.slots = {slot(SlotKind::Input, 0, {}, DType::I32), slot(SlotKind::Input, 1, {2}), slot(SlotKind::Input, 2, {2}),
                slot(SlotKind::Fresh, 0, {2})};
  BlockSpec last;
  last.slots = {slot(SlotKind::Input, 0, {2}), slot(SlotKind::Input, 1, {2})};
  last.outputs = {1};
  spec.blocks = {binary("add", {2}), binary("multiply", {2}), last};
  spec.instructions = {{kSwitchOp, {0, 1, 2}, {3}, {0, 1, 2}, {}}};
  spec.outputs = {3};
  return spec;
}

void test_switch() {
  Program program(choice());
  const Array a = floats({2}, {3, 4}), b = floats({2}, {5, 6});
  const float want[] = {8, 15, 5};
  for (const int index : {-7, 0, 1, 2, 3, INT32_MAX}) {
    const auto outputs = program.run(std::vector{integer(index), a, b});
    CHECK_EQ(outputs[0].view.as<float>()[0], want[std::clamp(index, 0, 2)]);
  }
}

// c, n, rows [4] -> turns, c, stack [4]: each turn gives c * row (kept on the stack too); n turns, or as long as c <
// 100.
ProgramSpec loop(bool counted, bool checked, bool reverse) {
  ProgramSpec spec;
  spec.slots = {slot(SlotKind::Input, 0, {}),
                slot(SlotKind::Input, 1, {4}),
                slot(SlotKind::Input, 2, {}, DType::I32),
                slot(SlotKind::Fresh, 0, {}, DType::I32),
                slot(SlotKind::Fresh, 0, {}),
                slot(SlotKind::Fresh, 0, {4})};
  BlockSpec body = binary("multiply", {});
  body.outputs = {2, 2};  // carried on and stacked
  BlockSpec check;
  check.slots = {slot(SlotKind::Input, 0, {}), slot(SlotKind::Constant, 0, {}),
                 slot(SlotKind::Fresh, 0, {}, DType::Bool)};
  check.constants = {floats({}, {100})};
  check.instructions = {{op_id("less"), {0, 1}, {2}, {}, {}}};
  check.outputs = {2};
  spec.blocks = {body, check};
  std::vector<int64_t> in = {0, 1};
  if (counted) in.push_back(2);
  spec.instructions = {{kLoopOp, in, {3, 4, 5}, {0, checked ? 1 : -1, 1, 1, 4, counted, reverse}, {}}};
  spec.outputs = {3, 4, 5};
  return spec;
}

void test_loop() {
  struct Case {
    int count;  // -1: not counted
    bool checked, reverse;
    int32_t turns;
    float last;
    std::vector<float> stack;
  };
  const Case cases[] = {
      {-1, false, false, 4, 360, {6, 18, 72, 360}}, {-1, false, true, 4, 360, {360, 180, 60, 15}},
      {2, false, false, 2, 18, {6, 18, 0, 0}},      {2, false, true, 2, 18, {18, 9, 0, 0}},
      {0, false, false, 0, 3, {0, 0, 0, 0}},        {-5, false, false, 0, 3, {0, 0, 0, 0}},
      {99, false, false, 4, 360, {6, 18, 72, 360}}, {3, true, false, 3, 72, {6, 18, 72, 0}},
      {-1, true, false, 4, 360, {6, 18, 72, 360}},
  };
  for (const Case& c : cases) {
    ProgramSpec spec = loop(c.count != -1, c.checked, c.reverse);
    if (c.count == -1) spec.slots[2] = slot(SlotKind::Input, 2, {}, DType::I32);
    Program program(std::move(spec));
    const auto outputs = program.run(std::vector{floats({}, {3}), floats({4}, {2, 3, 4, 5}), integer(c.count)});
    CHECK_EQ(outputs[0].view.as<int32_t>()[0], c.turns);
    CHECK_EQ(outputs[1].view.as<float>()[0], c.last);
    for (int i = 0; i < 4; ++i) CHECK_EQ(outputs[2].view.as<float>()[i], c.stack[i]);
  }
}

void test_the_condition_ends_it() {
  Program program(loop(false, true, false));
  const auto outputs = program.run(std::vector{floats({}, {3}), floats({4}, {10, 10, 10, 10}), integer(0)});
  CHECK_EQ(outputs[0].view.as<int32_t>()[0], 2);
  CHECK_EQ(outputs[1].view.as<float>()[0], 300.0f);
  CHECK_EQ(outputs[2].view.as<float>()[2], 0.0f);
}

// c = 1 * c as long as c < 100: for ever.
void test_interruption() {
  ProgramSpec spec;
  ProgramSpec other = loop(false, true, false);
  spec.slots = {slot(SlotKind::Input, 0, {}), slot(SlotKind::Constant, 0, {}), slot(SlotKind::Fresh, 0, {}, DType::I32),
                slot(SlotKind::Fresh, 0, {})};
  spec.constants = {floats({}, {1})};
  BlockSpec check = other.blocks[1];
  check.slots[0].ref = 1;
  spec.blocks = {binary("multiply", {}), check};
  spec.instructions = {{kLoopOp, {1, 0}, {2, 3}, {0, 1, 1, 0, -1, 0, 0}, {}}};
  spec.outputs = {3};
  Program program(std::move(spec));
  set_interrupt_check([] { return true; });
  try {
    program.run(std::vector{floats({}, {3})});
    CHECK(false);
  } catch (const FaultError& error) {
    CHECK_EQ(error.fault.code, kInterrupted);
  }
  set_interrupt_check(nullptr);
  CHECK_EQ(program.run(std::vector{floats({}, {300})})[0].view.as<float>()[0], 300.0f);
}

void refused(const char* what, ProgramSpec spec, void (*spoil)(ProgramSpec&)) {
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
  const auto choices = [](const char* what, void (*spoil)(ProgramSpec&)) { refused(what, choice(), spoil); };
  choices("no branch", [](ProgramSpec& s) { s.instructions[0].ints = {}; });
  choices("no index", [](ProgramSpec& s) { s.instructions[0].in = {}; });
  choices("branch number", [](ProgramSpec& s) { s.instructions[0].ints[2] = 3; });
  choices("negative branch number", [](ProgramSpec& s) { s.instructions[0].ints[0] = -1; });
  choices("index dtype", [](ProgramSpec& s) { s.slots[0].view.dtype = DType::F32; });
  choices("operand missing", [](ProgramSpec& s) { s.instructions[0].in.pop_back(); });
  choices("operand shape", [](ProgramSpec& s) { s.slots[1].view = checked_view(Shape{3}, DType::F32); });
  choices("operand dtype", [](ProgramSpec& s) { s.slots[1].view.dtype = DType::I32; });
  choices("result shape", [](ProgramSpec& s) { s.slots[3].view = checked_view(Shape{1}, DType::F32); });
  choices("number of results", [](ProgramSpec& s) { s.blocks[1].outputs.push_back(2); });
  choices("a branch's slot", [](ProgramSpec& s) { s.blocks[1].outputs[0] = 9; });
  choices("a branch's op", [](ProgramSpec& s) { s.blocks[0].instructions[0].op = 100000; });
  choices("a cell in a branch", [](ProgramSpec& s) { s.blocks[2].slots.push_back(slot(SlotKind::Cell, 0, {2})); });

  const auto loops = [](const char* what, void (*spoil)(ProgramSpec&)) {
    refused(what, loop(true, true, false), spoil);
  };
  for (int i = 0; i < 7; ++i) {
    for (const int64_t value : {int64_t{-2}, int64_t{99}, INT64_MAX, INT64_MIN}) {
      if (i > 4) continue;  // flags
      ProgramSpec spec = loop(true, true, false);
      spec.instructions[0].ints[i] = value;
      refused("an int of a loop", std::move(spec), [](ProgramSpec&) {});
    }
  }
  loops("too few ints", [](ProgramSpec& s) { s.instructions[0].ints.pop_back(); });
  loops("too many ints", [](ProgramSpec& s) { s.instructions[0].ints.push_back(0); });
  loops("no end", [](ProgramSpec& s) {
    s.instructions[0].ints = {0, -1, 1, 0, -1, 0, 0};
    s.instructions[0].in = {0};
    s.instructions[0].out = {3, 4};
  });
  loops("stacks without a length", [](ProgramSpec& s) { s.instructions[0].ints[4] = -1; });
  loops("rows", [](ProgramSpec& s) { s.slots[1].view = checked_view(Shape{5}, DType::F32); });
  loops("row shape", [](ProgramSpec& s) { s.slots[1].view = checked_view(Shape{4, 2}, DType::F32); });
  loops("stack", [](ProgramSpec& s) { s.slots[5].view = checked_view(Shape{3}, DType::F32); });
  loops("scalar stack", [](ProgramSpec& s) { s.slots[5].view = checked_view(Shape{}, DType::F32); });
  loops("count dtype", [](ProgramSpec& s) { s.slots[2].view.dtype = DType::F32; });
  loops("turns dtype", [](ProgramSpec& s) { s.slots[3].view.dtype = DType::F32; });
  loops("carry shape", [](ProgramSpec& s) { s.slots[4].view = checked_view(Shape{2}, DType::F32); });
  loops("condition dtype", [](ProgramSpec& s) { s.blocks[1].outputs[0] = 0; });
  loops("no outputs", [](ProgramSpec& s) { s.instructions[0].out = {}; });
  loops("no inputs", [](ProgramSpec& s) { s.instructions[0].in = {}; });
}

}  // namespace
}  // namespace ckeras

int main() {
  ckeras::test_switch();
  ckeras::test_loop();
  ckeras::test_the_condition_ends_it();
  ckeras::test_interruption();
  ckeras::test_nonsense_is_refused();
  return CHECK_RESULT();
}
