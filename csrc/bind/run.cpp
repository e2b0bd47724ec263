#include "bind/run.h"

#include <pybind11/numpy.h>

#include "bind/array.h"
#include "bind/convert.h"
#include "bind/errors.h"

namespace ckeras::bind {
namespace {

// The memory of an Array or a NumPy array. `held` keeps that of one which `numpy_view` does not read.
View memory_of(PyObject* object, const char* what, py::object& held) {
  if (is_array(object)) return as_array(object, what).view;
  if (const std::optional<View> view = numpy_view(object)) return *view;
  held = from_numpy(py::reinterpret_borrow<py::object>(object), false);
  return as_array(held.ptr(), what).view;
}

// The view is a NumPy array's own memory, and writable.
bool writes_reach(PyObject* array, const View& view) {
  const auto* numpy = py::detail::array_proxy(array);
  return numpy->data == view.data && (numpy->flags & py::detail::npy_api::NPY_ARRAY_WRITEABLE_);
}

py::object run(PyObject* const* args) {
  const int64_t op = to_int(args[0], "run: op_id");
  const Items inputs(args[1], "run: inputs");
  const Items outs(args[2], "run: outs");
  const Ints ints = to_ints(args[3], "run: ints");
  const Floats floats = to_floats(args[4], "run: floats");

  int64_t bytes = 0;
  Buffer<View, 6> in(inputs.size());
  Buffer<py::object, 6> held(inputs.size());
  for (size_t i = 0; i < in.size(); ++i) {
    in[i] = memory_of(inputs[i], "run: inputs[i]", held[i]);
    bytes += in[i].nbytes();
  }
  Buffer<View, 3> out(outs.size());
  py::tuple results(outs.size());
  for (size_t i = 0; i < out.size(); ++i) {
    if (!PyTuple_Check(outs[i]) && !PyList_Check(outs[i])) {
      py::object shared;
      out[i] = memory_of(outs[i], "run: outs[i]", shared);
      if (!is_array(outs[i]) && !writes_reach(outs[i], out[i])) {
        throw py::value_error("run: outs[i] must be a writable, contiguous array");
      }
      bytes += out[i].nbytes();
      PyTuple_SET_ITEM(results.ptr(), static_cast<Py_ssize_t>(i), Py_NewRef(outs[i]));
      continue;
    }
    const Items pair(outs[i], "run: outs[i]");
    if (pair.size() != 2) throw py::value_error("run: outs[i] must be (shape, dtype code) or an Array");
    const DType dtype = to_dtype(pair[1], "run: dtype of outs[i]");
    const Ints shape = to_ints(pair[0], "run: shape of outs[i]");
    Array array = Array::empty(shape.span(), dtype);
    out[i] = array.view;
    bytes += out[i].nbytes();
    PyTuple_SET_ITEM(results.ptr(), static_cast<Py_ssize_t>(i),
                     new_array(std::move(array), PyTuple_CheckExact(pair[0]) ? pair[0] : nullptr));
  }

  run_step(Step(op, in.span(), out.span(), ints.span(), floats.span()), in.data(), out.data(), bytes);
  return results;
}

PyObject* run_entry(PyObject*, PyObject* const* args, Py_ssize_t n) {
  if (n != 5) {
    PyErr_Format(PyExc_TypeError, "run takes 5 arguments (op_id, inputs, outs, ints, floats), got %zd", n);
    return nullptr;
  }
  try {
    return run(args).release().ptr();
  } catch (...) {
    set_python_error();
    return nullptr;
  }
}

PyMethodDef kRun = {
    "run", reinterpret_cast<PyCFunction>(reinterpret_cast<void*>(run_entry)), METH_FASTCALL,
    "run($module, op_id, inputs, outs, ints, floats, /)\n--\n\n"
    "Runs one op on Arrays or NumPy arrays; `outs` is a tuple of (shape, dtype code), or of arrays whose memory takes "
    "the results and that nobody else reads. Returns a tuple of them, Arrays where they are new."};

}  // namespace

void run_step(const Step& step, const View* in, const View* out, int64_t bytes) {
  StorageRef workspace;
  if (step.workspace_bytes()) workspace = Storage::allocate(step.workspace_bytes());
  Fault fault;
  run_briefly(bytes, [&] { step.run(in, out, workspace ? workspace->data() : nullptr, &fault); });
  if (fault.code) throw FaultError(step.name(), fault);
}

void bind_run(py::module_& module) {
  module.add_object("run", PyCFunction_NewEx(&kRun, nullptr, module.attr("__name__").ptr()));
}

}  // namespace ckeras::bind
