// Programs on a device against the same programs on the CPU: training steps, one by one and as a graph, writes that
// change places, variables that move, faults, what is refused, and that all memory comes back.
#include "cuda/program.h"

#include <algorithm>
#include <cmath>

#include "base/check.h"
#include "cpu/denormals.h"
#include "cuda/testing/device.h"
#include "ops/softmax_cross_entropy/softmax_cross_entropy.h"

namespace ckeras {
namespace {

using cuda::Device;
using cuda::DeviceArray;
using cuda::DeviceCell;
using cuda::DeviceProgram;
using cuda::DeviceProgramSpec;
using Shape = std::vector<int64_t>;

Slot slot(SlotKind kind, int64_t ref, const Shape& shape, DType dtype = DType::F32) {
  return {kind, ref, checked_view(shape, dtype)};
}
Array floats(const Shape& shape, int seed) {
  Array array = Array::empty(shape, DType::F32);
  for (int64_t i = 0; i < array.view.size(); ++i) {
    array.view.as<float>()[i] = static_cast<float>((i * 37 + seed * 11) % 17 - 8) / 8;
  }
  return array;
}
Array integers(const Shape& shape, const std::vector<int32_t>& values) {
  Array array = Array::empty(shape, DType::I32);
  for (int64_t i = 0; i < array.view.size(); ++i) {
    array.view.as<int32_t>()[i] = values[static_cast<size_t>(i) % values.size()];
  }
  return array;
}

// One program on both: the CPU's spec, and its constants and cells on the device.
struct Pair {
  std::shared_ptr<Device> device;
  std::vector<std::shared_ptr<Cell>> cells;
  std::vector<std::shared_ptr<DeviceCell>> device_cells;
  std::unique_ptr<Program> program;
  std::unique_ptr<DeviceProgram> device_program;

  Pair(const std::shared_ptr<Device>& d, const ProgramSpec& spec) : device(d), cells(spec.cells) {
    DeviceProgramSpec on_device;
    on_device.slots = spec.slots;
    for (const Array& a : spec.constants) on_device.constants.push_back(d->put(a.view, "a constant"));
    for (const auto& cell : spec.cells) {
      device_cells.push_back(std::make_shared<DeviceCell>(DeviceCell{d->put(cell->array().view, "a variable")}));
    }
    on_device.cells = device_cells;
    on_device.instructions = spec.instructions;
    on_device.writes = spec.writes;
    on_device.outputs = spec.outputs;
    on_device.arena_bytes = spec.arena_bytes;
    device_program = std::make_unique<DeviceProgram>(d, on_device);
    program = std::make_unique<Program>(spec);
  }

  std::vector<DeviceArray> put(const std::vector<Array>& inputs) const {
    std::vector<DeviceArray> arrays;
    for (const Array& a : inputs) arrays.push_back(device->put(a.view, "an input"));
    return arrays;
  }
  void check_same(const DeviceArray& got, const Array& expected, const char* what) const {
    std::vector<char> bytes(static_cast<size_t>(expected.view.nbytes()));
    device->fetch(got, bytes.data());
    CHECK(same_type(got.view, expected.view));
    bool right = true;
    for (int64_t i = 0; i < expected.view.size(); ++i) {
      if (expected.view.dtype == DType::F32) {
        const float g = reinterpret_cast<const float*>(bytes.data())[i], e = expected.view.as<const float>()[i];
        right &= std::abs(g - e) <= 1e-6f + 1e-5f * std::abs(e);
      } else {
        right &= reinterpret_cast<const int32_t*>(bytes.data())[i] == expected.view.as<const int32_t>()[i];
      }
    }
    if (!right) std::cerr << what << " is not the CPU's\n";
    CHECK(right);
  }
  void check_cells() const {
    for (size_t i = 0; i < cells.size(); ++i) {
      const std::lock_guard lock(cells[i]->mutex());
      check_same(device_cells[i]->array, cells[i]->array(), "a variable");
    }
  }
  // A run on both gives the same results and variables.
  void check(const std::vector<Array>& inputs) const {
    const std::vector<Array> expected = program->run(inputs);
    const cpu::FlushDenormals flush;
    const std::vector<DeviceArray> got = device_program->run(put(inputs));
    device_program->check();
    CHECK_EQ(got.size(), expected.size());
    for (size_t i = 0; i < got.size() && i < expected.size(); ++i) check_same(got[i], expected[i], "a result");
    check_cells();
  }
};

// A step of gradient descent on a softmax classifier, which counts its runs by a write at the end.
ProgramSpec training() {
  ProgramSpec spec;
  spec.slots = {slot(SlotKind::Input, 0, {8, 6}),
                slot(SlotKind::Input, 1, {8}, DType::I32),
                slot(SlotKind::Cell, 0, {6, 4}),
                slot(SlotKind::Constant, 0, {}),
                slot(SlotKind::Arena, 0, {8, 4}),
                slot(SlotKind::Constant, 1, {8}),
                slot(SlotKind::Arena, 128, {8, 4}),
                slot(SlotKind::Arena, 256, {6, 4}),
                slot(SlotKind::Fresh, 0, {8}),
                slot(SlotKind::Cell, 1, {}, DType::I32),
                slot(SlotKind::Constant, 2, {}, DType::I32),
                slot(SlotKind::Fresh, 0, {}, DType::I32)};
  Array rate = Array::empty({}, DType::F32);
  *rate.view.as<float>() = 0.25f;
  spec.constants = {rate, floats({8}, 2), integers({}, {1})};
  spec.cells = {std::make_shared<Cell>(floats({6, 4}, 3)), std::make_shared<Cell>(integers({}, {0}))};
  spec.instructions = {{op_id("matmul"), {0, 2}, {4}, {0, 0, 0, 0}, {}},
                       {op_id("softmax_cross_entropy"), {4, 1}, {8}, {kNoLabel}, {}},
                       {op_id("softmax_cross_entropy_grad"), {4, 1, 5}, {6}, {kNoLabel}, {}},
                       {op_id("matmul"), {0, 6}, {7}, {1, 0, 0, 0}, {}},
                       {op_id("sgd_update"), {3, 2, 7}, {2}, {0, 0}, {0}},
                       {op_id("add"), {9, 10}, {11}, {}, {}}};
  spec.writes = {{1, 11}};
  spec.outputs = {8, 2, 9};
  spec.arena_bytes = 384;
  return spec;
}

void test_training(const std::shared_ptr<Device>& device) {
  const Pair pair(device, training());
  for (int step = 0; step < 4; ++step) {
    CHECK_EQ(pair.device_program->is_graph(), step >= 2);
    pair.check({floats({8, 6}, step), integers({8}, {3, 0, step % 4, 1})});
  }
  // A bad label ends the step: variables keep their values, on both.
  const std::vector<Array> bad = {floats({8, 6}, 9), integers({8}, {3, 99, 0, -7})};
  CHECK_THROWS(pair.program->run(bad), FaultError);
  pair.device_program->run(pair.put(bad));
  std::string said;
  try {
    pair.device_program->check();
  } catch (const cuda::DeviceFault& fault) {
    said = fault.what();
  }
  CHECK_EQ(said, "softmax_cross_entropy: 99 is out of range, the limit is 4");
  pair.check_cells();
  pair.check({floats({8, 6}, 5), integers({8}, {1, 2})});
  // Variables in other memory: a new graph.
  pair.device_cells[0]->array = device->put(pair.cells[0]->array().view, "a variable");
  for (int step = 0; step < 3; ++step) pair.check({floats({8, 6}, step), integers({8}, {1, 2})});
  CHECK(pair.device_program->is_graph());
  // Inputs of another shape, or too few.
  CHECK_THROWS(pair.device_program->run(pair.put({floats({8, 7}, 1), integers({8}, {1})})), std::invalid_argument);
  CHECK_THROWS(pair.device_program->run(pair.put({floats({8, 6}, 1)})), std::invalid_argument);
}

// A product written straight into a variable, which is then read in another shape; two variables change places.
void test_writes(const std::shared_ptr<Device>& device) {
  ProgramSpec spec;
  spec.slots = {slot(SlotKind::Constant, 0, {4, 4}), slot(SlotKind::Cell, 0, {4, 4}), slot(SlotKind::Cell, 1, {4, 4}),
                slot(SlotKind::Cell, 1, {16}),       slot(SlotKind::Fresh, 0, {16}),  slot(SlotKind::Cell, 2, {3}),
                slot(SlotKind::Cell, 3, {3})};
  spec.constants = {floats({4, 4}, 1)};
  for (int i = 0; i < 2; ++i) spec.cells.push_back(std::make_shared<Cell>(floats({4, 4}, 5 + i)));
  for (int i = 0; i < 2; ++i) spec.cells.push_back(std::make_shared<Cell>(floats({3}, 7 + i)));
  spec.instructions = {{op_id("matmul"), {0, 1}, {2}, {0, 0, 0, 0}, {}}, {op_id("add"), {3, 3}, {4}, {}, {}}};
  spec.writes = {{2, 6}, {3, 5}};
  spec.outputs = {4, 2, 5};
  const Pair pair(device, spec);
  for (int run = 0; run < 3; ++run) pair.check({});
}

// Variables that begin in the middle of a word of 8 bytes, as parts of other arrays do.
void test_parts(const std::shared_ptr<Device>& device) {
  ProgramSpec spec;
  spec.slots = {slot(SlotKind::Cell, 0, {7}), slot(SlotKind::Cell, 1, {7}), slot(SlotKind::Fresh, 0, {7})};
  for (int i = 0; i < 2; ++i) spec.cells.push_back(std::make_shared<Cell>(floats({7}, 5 + i)));
  spec.instructions = {{op_id("add"), {0, 1}, {2}, {}, {}}};
  spec.writes = {{0, 1}, {1, 2}};
  const Pair pair(device, spec);
  for (size_t i = 0; i < 2; ++i) {
    Array more = floats({8}, 0);
    std::copy_n(pair.cells[i]->array().view.as<float>(), 7, more.view.as<float>() + 1);
    DeviceArray& array = pair.device_cells[i]->array;
    array = device->put(more.view, "an array and a part of it");
    array.view.shape[0] = 7;
    array.view.data = array.view.as<float>() + 1;
  }
  for (int run = 0; run < 3; ++run) pair.check({});
}

// A loop that stores its result and reduces it, and another step, over the middle dimension.
void test_reductions(const std::shared_ptr<Device>& device) {
  ProgramSpec spec;
  spec.slots = {slot(SlotKind::Input, 0, {3, 5, 4}), slot(SlotKind::Fresh, 0, {3, 5, 4}),
                slot(SlotKind::Fresh, 0, {3, 4}), slot(SlotKind::Cell, 0, {12})};
  spec.cells = {std::make_shared<Cell>(floats({12}, 1))};
  const int64_t f32 = static_cast<int64_t>(DType::F32), op = op_id("negative"), square = op_id("square");
  spec.instructions = {{-1,
                        {0},
                        {1, 2, 3},
                        {3,      3,
                         5,      4,
                         1,      20,
                         4,      1,
                         2,      op,
                         f32,    f32,
                         1,      0,
                         square, f32,
                         f32,    1,
                         1,      1,
                         1,      3,
                         5,      4,
                         2,      op_id("reduce_max"),
                         1,      op_id("reduce_sum"),
                         2},
                        {}}};
  spec.outputs = {1, 2, 3};
  const Pair pair(device, spec);
  for (int run = 0; run < 3; ++run) pair.check({floats({3, 5, 4}, run)});
}

void test_refusals(const std::shared_ptr<Device>& device) {
  const auto said = [&](int op, const std::vector<int64_t>& ints) {
    DeviceProgramSpec spec;
    spec.slots = {slot(SlotKind::Input, 0, {4}), slot(SlotKind::Fresh, 0, {4}), slot(SlotKind::Fresh, 0, {})};
    spec.instructions = {{op, {0, 0}, {1, 2}, ints, {}}};
    try {
      DeviceProgram program(device, spec);
      program.run(std::vector{device->put(floats({4}, 1).view, "an input")});
    } catch (const std::invalid_argument& error) {
      return std::string(error.what());
    }
    return std::string();
  };

  CHECK_EQ(said(kHostOp, {0}), "Program on a device: a function of the host was not given");
  CHECK_EQ(said(kLoopOp, {0}), "Program on a device: a loop has 7 ints");
  CHECK_EQ(said(4711, {}), "Program on a device: no op has the id 4711");
}

}  // namespace
}  // namespace ckeras

int main() {
  CHECK_DEVICE();
  using namespace ckeras;
  const std::shared_ptr<cuda::Device> device = cuda::Device::open(0);
  test_training(device);
  test_writes(device);
  test_parts(device);
  test_reductions(device);
  test_refusals(device);
  CHECK_EQ(device->memory().in_use, 0);
  CHECK(device->memory().peak > 0);
  View huge{};
  huge.rank = 1;
  huge.shape[0] = int64_t{1} << 61;
  huge.dtype = DType::U8;
  CHECK_THROWS(device->empty(huge, "all"), cuda::OutOfMemory);
  device->release();
  CHECK_EQ(device->memory().reserved, 0);
  CHECK_THROWS(cuda::Device::open(4711), cuda::DeviceError);
  return CHECK_RESULT();
}
