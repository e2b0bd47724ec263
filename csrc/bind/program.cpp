#include "bind/program.h"

#include <cstring>
#include <memory>

#include "bind/array.h"
#include "bind/convert.h"
#include "bind/errors.h"
#include "runtime/placement.h"
#include "runtime/program.h"

namespace ckeras::bind {
namespace {

std::vector<int64_t> int_vector(PyObject* object, const char* what) {
  const Items items(object, what);
  std::vector<int64_t> values;
  for (size_t i = 0; i < items.size(); ++i) values.push_back(to_int(items[i], what));
  return values;
}

Items fields(PyObject* object, size_t n, const char* what) {
  Items items(object, what);
  if (items.size() != n) {
    throw py::value_error(std::string(what) + " must have " + std::to_string(n) + " fields, got " +
                          std::to_string(items.size()));
  }
  return items;
}

Slot to_slot(PyObject* object) {
  const Items items = fields(object, 4, "Program: slot (kind, ref, code, shape)");
  const int64_t kind = to_int(items[0], "Program: slot kind");
  if (kind < 0 || kind >= kSlotKinds) throw py::value_error("Program: no slot kind " + std::to_string(kind));
  return {static_cast<SlotKind>(kind), to_int(items[1], "Program: slot ref"),
          checked_view(to_ints(items[3], "Program: slot shape").span(), to_dtype(items[2], "Program: slot dtype"))};
}

Instruction to_instruction(PyObject* object) {
  const Items items = fields(object, 5, "Program: instruction (op_id, in_slots, out_slots, ints, floats)");
  const int64_t op = to_int(items[0], "Program: op_id");
  if (op != static_cast<int>(op)) throw py::value_error("Program: no op has the id " + std::to_string(op));
  const Floats floats = to_floats(items[4], "Program: floats");
  Instruction result{static_cast<int>(op),
                     int_vector(items[1], "Program: in_slots"),
                     int_vector(items[2], "Program: out_slots"),
                     int_vector(items[3], "Program: ints"),
                     {}};
  result.floats.assign(floats.span().begin(), floats.span().end());
  return result;
}

// Calls `function(*arrays)` with copies of the inputs; it returns a tuple of Arrays, one an output. Runs without the
// GIL come here, so it is taken; a signal that came meanwhile ends the run.
void call_host(const std::string& name, PyObject* function, std::span<const View> in, std::span<const View> out) {
  const py::gil_scoped_acquire acquire;
  py::tuple arguments(in.size());
  for (size_t i = 0; i < in.size(); ++i) arguments[i] = to_python(Array::copy_of(in[i]));
  const py::object result = py::reinterpret_borrow<py::object>(function)(*arguments);
  const Items items(result.ptr(), "Program: the result of a host function");
  if (items.size() != out.size()) {
    throw py::value_error("Program: " + name + " must return " + std::to_string(out.size()) + " Arrays, got " +
                          std::to_string(items.size()));
  }
  for (size_t i = 0; i < out.size(); ++i) {
    const Array& array = as_array(items[i], "Program: a result of a host function");
    if (!same_type(array.view, out[i])) {
      throw py::value_error("Program: " + name + " must return " + describe(out[i]) + ", got " + describe(array.view));
    }
    if (const int64_t bytes = out[i].nbytes()) std::memcpy(out[i].data, array.view.data, static_cast<size_t>(bytes));
  }
  if (PyErr_CheckSignals() != 0) throw py::error_already_set();
}

HostFunction to_host(PyObject* object) {
  const Items pair = fields(object, 2, "Program: host function (name, callable)");
  if (!PyUnicode_Check(pair[0])) type_mismatch("Program: the name of a host function", "a str", pair[0]);
  if (!PyCallable_Check(pair[1])) type_mismatch("Program: a host function", "callable", pair[1]);
  const std::string name = py::cast<std::string>(py::handle(pair[0]));
  Py_INCREF(pair[1]);
  const std::shared_ptr<PyObject> function(pair[1], [](PyObject* p) {  // a refused spec is dropped without the GIL
    const py::gil_scoped_acquire acquire;
    Py_DECREF(p);
  });
  return {name, [name, function](std::span<const View> in, std::span<const View> out) {
            call_host(name, function.get(), in, out);
          }};
}

template <class F>
auto each(const py::object& object, const char* what, F convert) {
  const Items items(object.ptr(), what);
  std::vector<decltype(convert(items[0]))> result;
  result.reserve(items.size());
  for (size_t i = 0; i < items.size(); ++i) result.push_back(convert(items[i]));
  return result;
}

std::vector<Array> to_arrays(const py::object& object, const char* what) {
  return each(object, what, [&](PyObject* item) { return as_array(item, what); });
}

constexpr int kMaxDepth = 100;  // of control flow inside control flow

BlockSpec to_block(PyObject* object, int depth);

void fill(BlockSpec& spec, const py::object& slots, const py::object& constants, const py::object& instructions,
          const py::object& outputs, const py::object& arena_bytes, const py::object& hosts, const py::object& blocks,
          int depth) {
  if (depth > kMaxDepth) throw py::value_error("Program: blocks nest deeper than " + std::to_string(kMaxDepth));
  spec.slots = each(slots, "Program: slots", to_slot);
  spec.constants = to_arrays(constants, "Program: constants");
  spec.instructions = each(instructions, "Program: instructions", to_instruction);
  spec.outputs = int_vector(outputs.ptr(), "Program: outputs");
  spec.arena_bytes = to_int(arena_bytes.ptr(), "Program: arena_bytes");
  spec.hosts = each(hosts, "Program: hosts", to_host);
  spec.blocks = each(blocks, "Program: blocks", [depth](PyObject* item) { return to_block(item, depth + 1); });
}

BlockSpec to_block(PyObject* object, int depth) {
  const Items items =
      fields(object, 7, "Program: block (slots, constants, instructions, outputs, arena_bytes, hosts, blocks)");
  py::object parts[7];
  for (size_t i = 0; i < 7; ++i) parts[i] = py::reinterpret_borrow<py::object>(items[i]);
  BlockSpec spec;
  fill(spec, parts[0], parts[1], parts[2], parts[3], parts[4], parts[5], parts[6], depth);
  return spec;
}

std::unique_ptr<Program> make(const py::object& slots, const py::object& constants, const py::object& cells,
                              const py::object& instructions, const py::object& writes, const py::object& outputs,
                              const py::object& arena_bytes, const py::object& hosts, const py::object& blocks) {
  ProgramSpec spec;
  fill(spec, slots, constants, instructions, outputs, arena_bytes, hosts, blocks, 0);
  spec.cells = each(cells, "Program: cells", [](PyObject* item) {
    if (!py::isinstance<Cell>(item)) type_mismatch("Program: cells", "Cells", item);
    return py::cast<std::shared_ptr<Cell>>(py::handle(item));
  });
  spec.writes = each(writes, "Program: writes", [](PyObject* item) {
    const Items pair = fields(item, 2, "Program: write (cell, slot)");
    return Write{to_int(pair[0], "Program: cell of a write"), to_int(pair[1], "Program: slot of a write")};
  });
  const py::gil_scoped_release release;  // cells may be locked by a run that waits for the GIL
  return std::make_unique<Program>(std::move(spec));
}

py::tuple place_buffers(const py::object& object) {
  const std::vector<Lifetime> buffers = each(object, "place_buffers: buffers", [](PyObject* item) {
    const Items buffer = fields(item, 3, "place_buffers: buffer (bytes, first, last)");
    return Lifetime{to_int(buffer[0], "place_buffers: bytes"), to_int(buffer[1], "place_buffers: first"),
                    to_int(buffer[2], "place_buffers: last")};
  });
  int64_t left = INT64_MAX;
  for (const Lifetime& buffer : buffers) {
    if (buffer.bytes < 0 || buffer.bytes > left - kAlignment) throw py::value_error("place_buffers: too many bytes");
    left -= buffer.bytes + kAlignment;
  }
  const Placement placement = place(buffers);
  py::list offsets(buffers.size());
  for (size_t i = 0; i < buffers.size(); ++i) offsets[i] = placement.offsets[i];
  return py::make_tuple(offsets, placement.bytes);
}

py::list to_list(std::vector<Array>&& arrays) {
  py::list result(arrays.size());
  for (size_t i = 0; i < arrays.size(); ++i) {
    PyList_SET_ITEM(result.ptr(), static_cast<Py_ssize_t>(i), new_array(std::move(arrays[i])));
  }
  return result;
}

py::list run(Program& program, const py::object& inputs) {
  const std::vector<Array> arrays = to_arrays(inputs, "Program.run: inputs");
  std::vector<Array> outputs;
  {
    const py::gil_scoped_release release;
    outputs = program.run(arrays);
  }
  return to_list(std::move(outputs));
}

py::list profile(Program& program, const py::object& inputs) {
  const std::vector<Array> arrays = to_arrays(inputs, "Program.profile: inputs");
  std::vector<StepTime> times;
  {
    const py::gil_scoped_release release;
    program.profile(arrays, &times);
  }
  py::list result;
  for (const StepTime& time : times) result.append(py::make_tuple(time.name, time.microseconds));
  return result;
}

py::tuple run_steps(Program& program, const py::object& data, const py::object& order, const py::object& batch,
                    const py::object& first, const py::object& steps, const py::object& seconds) {
  const std::vector<Array> arrays = to_arrays(data, "Program.run_steps: data");
  const py::object row_array = is_array(order.ptr()) ? order : from_numpy(order, false);
  const Array rows = as_array(row_array.ptr(), "Program.run_steps: order");
  if (rows.view.dtype != DType::I64 || rows.view.rank != 1) {
    throw py::value_error("Program.run_steps: order must be int64[n], got " + describe(rows.view));
  }
  const Batches batches{arrays,
                        {rows.view.as<const int64_t>(), static_cast<size_t>(rows.view.size())},
                        to_int(batch.ptr(), "Program.run_steps: batch")};
  const int64_t first_step = to_int(first.ptr(), "Program.run_steps: first");
  const int64_t count = to_int(steps.ptr(), "Program.run_steps: steps");
  const double limit = to_double(seconds.ptr(), "Program.run_steps: seconds");
  std::vector<Array> outputs;
  int64_t done = 0;
  {
    const py::gil_scoped_release release;
    done = program.run_steps(batches, first_step, count, limit, signal_pending, &outputs);
  }
  if (PyErr_Occurred()) throw py::error_already_set();
  return py::make_tuple(done, to_list(std::move(outputs)));
}

}  // namespace

void bind_program(py::module_& module) {
  py::class_<Program>(module, "Program", "A traced program: decoded once, run without Python.")
      .def(py::init(&make), py::arg("slots"), py::arg("constants"), py::arg("cells"), py::arg("instructions"),
           py::arg("writes"), py::arg("outputs"), py::arg("arena_bytes"), py::arg("hosts") = py::tuple(),
           py::arg("blocks") = py::tuple())
      .def("run", run, py::arg("inputs"), "Runs once; returns the outputs.")
      .def("profile", profile, py::arg("inputs"),
           "Runs once, writes included; returns (op name, microseconds) for each instruction.")
      .def("run_steps", run_steps, py::arg("data"), py::arg("order"), py::arg("batch"), py::arg("first"),
           py::arg("steps"), py::arg("seconds"),
           "Runs steps first, first + 1, ... on batches gathered from `data` by `order`; returns the number done and "
           "the last outputs. Stops early after `seconds`, and with an exception for a pending signal.");
  module.def("place_buffers", place_buffers, py::arg("buffers"),
             "Offsets in an arena for buffers (bytes, first instruction, last instruction) such that none overlap that "
             "live at once, and the arena's bytes.");
}

}  // namespace ckeras::bind
