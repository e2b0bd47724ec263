// The extension module `ckeras._engine` (docs/architecture.md, section 4): what Python may ask of the engine, no logic.
#include <pybind11/pybind11.h>

#include <cstdlib>
#include <stdexcept>
#include <string>

#include "bind/array.h"
#include "bind/cell.h"
#include "bind/convert.h"
#include "bind/errors.h"
#include "bind/linalg.h"
#include "bind/program.h"
#include "bind/quick.h"
#include "bind/run.h"
#include "bind/shuffle.h"
#include "bind/tape.h"
#include "bind/tensor.h"
#include "cpu/thread_pool.h"
#include "runtime/registry.h"

namespace ckeras::bind {
namespace {

py::list op_table() {
  constexpr const char* kKinds[] = {"elementwise", "kernel", "portable"};
  constexpr const char* kResults[] = {"same", "bool", "any"};
  py::list table;
  for (int id = 0; const OpInfo& op : ops()) {
    py::list dtypes;
    for (int d = 0; d < kDTypes; ++d) {
      if (op.allows(static_cast<DType>(d))) dtypes.append(d);
    }
    py::dict row;
    row["name"] = op.name;
    row["kind"] = kKinds[static_cast<int>(op.kind)];
    row["arity"] = op.arity;
    row["dtypes"] = dtypes;
    row["result"] = kResults[static_cast<int>(op.result)];
    row["inplace"] = op.inplace;
    row["folds"] = folds()[id++] != nullptr;
    table.append(row);
  }
  return table;
}

py::dict memory() {
  const MemoryStats stats = memory_stats();
  py::dict result;
  result["in_use"] = stats.in_use;
  result["peak"] = stats.peak;
  result["cached"] = stats.cached;
  return result;
}

}  // namespace

PYBIND11_MODULE(_engine, module) {
  module.doc() = "The engine of ckeras: arrays, ops, programs. No logic and no public names.";
  py::tuple dtypes(kDTypes);
  for (int d = 0; d < kDTypes; ++d) dtypes[d] = py::str(kDTypeNames[d]);
  module.attr("DTYPES") = dtypes;

  bind_errors(module);
  bind_array(module);
  bind_cell(module);
  bind_run(module);
  bind_tensor(module);
  bind_tape(module);
  bind_quick(module);
  bind_program(module);
  bind_linalg(module);
  bind_shuffle(module);

  module.def("op_table", op_table,
             "One dict a primitive, in the order of op ids: name, kind, arity (-1: not elementwise), dtypes (codes), "
             "result (\"same\", \"bool\", \"any\"), inplace, folds (a fused "
             "loop may end in it, on this instruction set).");
  module.def("memory", memory, "Bytes in_use, peak and cached.");
  module.def("reset_peak", reset_peak, "Sets the peak to the bytes in use now.");
  module.def("release", release_cached, "Gives cached memory back to the system.");
  module.def("num_threads", cpu::num_threads, "Threads that share the work, the caller's among them.");
  module.def(
      "set_num_threads",
      [](const py::object& n) {
        const int64_t threads = to_int(n.ptr(), "set_num_threads: n");
        if (threads < 1 || threads > cpu::kMaxThreads || !cpu::set_num_threads(static_cast<int>(threads))) {
          throw py::value_error("set_num_threads: n must be from 1 to " + std::to_string(cpu::kMaxThreads) + ", got " +
                                std::to_string(threads));
        }
      },
      py::arg("n"), "Sets num_threads().");
  module.def("isa", isa, "The instruction set in use: CKERAS_ISA, or the best of this CPU.");
  // Wishes that cannot be met fail the import, with their message.
  isa();
  std::string error;
  if (!cpu::choose_num_threads(std::getenv("CKERAS_NUM_THREADS"), &error)) throw std::runtime_error(error);
}

}  // namespace ckeras::bind
