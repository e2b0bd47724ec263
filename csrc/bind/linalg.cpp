#include "bind/linalg.h"

#include <optional>
#include <string>

#include "bind/array.h"
#include "bind/convert.h"
#include "bind/run.h"
#include "cpu/denormals.h"
#include "runtime/registry.h"

namespace ckeras::bind {
namespace {

py::tuple run_linalg(const std::string& name, const py::object& inputs, const py::object& outs, const py::object& ints,
                     const py::object& floats) {
  const LinalgRow* const row = find_linalg(linalg(), name.c_str());
  if (row == nullptr) throw py::value_error("linalg: there is no kernel " + name);
  const Items in_items(inputs.ptr(), "linalg: inputs"), out_items(outs.ptr(), "linalg: outs");
  const Ints int_values = to_ints(ints.ptr(), "linalg: ints");
  const Floats float_values = to_floats(floats.ptr(), "linalg: floats");
  Buffer<View, 6> in(in_items.size());
  for (size_t i = 0; i < in.size(); ++i) in[i] = as_array(in_items[i], "linalg: inputs[i]").view;
  Buffer<View, 3> out(out_items.size());
  py::tuple results(out_items.size());
  for (size_t i = 0; i < out.size(); ++i) {
    const Items pair(out_items[i], "linalg: outs[i]");
    if (pair.size() != 2) throw py::value_error("linalg: outs[i] must be (shape, dtype code)");
    Array array = Array::empty(to_ints(pair[0], "linalg: shape of outs[i]").span(),
                               to_dtype(pair[1], "linalg: dtype of outs[i]"));
    out[i] = array.view;
    results[i] = to_python(std::move(array));
  }

  Fault fault;
  Call call{in.data(),
            out.data(),
            static_cast<int32_t>(in.size()),
            static_cast<int32_t>(out.size()),
            int_values.data(),
            float_values.data(),
            static_cast<int32_t>(int_values.size()),
            static_cast<int32_t>(float_values.size()),
            nullptr,
            &fault};
  StorageRef workspace;
  if (const int64_t bytes = row->kernel->workspace(call); bytes > 0) {
    workspace = Storage::allocate(bytes);
    call.workspace = workspace->data();
  }
  {
    std::optional<py::gil_scoped_release> release;
    if (in[0].nbytes() * 16 >= kReleaseGilBytes) release.emplace();  // its work is more than its bytes
    const cpu::FlushDenormals flush;
    row->kernel->run(call);
  }
  if (fault.code) throw FaultError(row->name, fault);
  return results;
}

}  // namespace

void bind_linalg(py::module_& module) {
  module.def("linalg", run_linalg, py::arg("name"), py::arg("inputs"), py::arg("outs"), py::arg("ints") = py::tuple(),
             py::arg("floats") = py::tuple(),
             "Runs a kernel of ops/linalg/linalg.h on Arrays of checked shapes; `outs` is a tuple of (shape, dtype "
             "code). Returns a tuple of Arrays.");
}

}  // namespace ckeras::bind
