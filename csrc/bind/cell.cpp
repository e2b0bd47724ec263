#include "bind/cell.h"

#include <memory>

#include "bind/array.h"
#include "runtime/cell.h"

namespace ckeras::bind {
namespace {

// A running Program may hold the lock and need the GIL later: never wait for the lock with the GIL.
std::unique_lock<std::mutex> lock(Cell& cell) {
  std::unique_lock<std::mutex> held(cell.mutex(), std::try_to_lock);
  if (!held) {
    py::gil_scoped_release release;
    held.lock();
  }
  return held;
}

void set(Cell& cell, const py::object& object) {
  Array array = as_array(object.ptr(), "Cell.set: array");
  const auto held = lock(cell);
  if (!same_type(array.view, cell.array().view)) {
    throw py::value_error("Cell.set: expected " + describe(cell.array().view) + ", got " + describe(array.view));
  }
  cell.replace(std::move(array));
}

}  // namespace

void bind_cell(py::module_& module) {
  py::class_<Cell, std::shared_ptr<Cell>>(module, "Cell", "A variable's storage.")
      .def(py::init(
               [](const py::object& array) { return std::make_shared<Cell>(as_array(array.ptr(), "Cell: array")); }),
           py::arg("array"))
      .def(
          "get",
          [](Cell& cell) {
            const auto held = lock(cell);
            return to_python(Array(cell.array()));
          },
          "The value; shares the memory until the next write.")
      .def("set", set, py::arg("array"), "Takes the value of an Array of the same shape and dtype.");
}

}  // namespace ckeras::bind
