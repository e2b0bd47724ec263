#include "bind/shuffle.h"

#include <memory>
#include <string>
#include <vector>

#include "bind/array.h"
#include "bind/convert.h"
#include "runtime/shuffle.h"

namespace ckeras::bind {
namespace {

py::object permutation(Shuffler& shuffler, const py::object& count) {
  const int64_t n = to_int(count.ptr(), "Shuffler.permutation: n");
  if (n < 0 || n > Shuffler::kMost) {
    throw py::value_error("Shuffler.permutation: n must be from 0 to " + std::to_string(Shuffler::kMost) + ", got " +
                          std::to_string(n));
  }
  Array order = Array::empty(std::vector{n}, DType::I64);
  {
    const py::gil_scoped_release release;
    shuffler.permutation({order.view.as<int64_t>(), static_cast<size_t>(n)});
  }
  return to_python(std::move(order));
}

uint64_t to_key(const py::object& object, const char* what) {
  const int64_t key = to_int(object.ptr(), what);
  if (key < 0) throw py::value_error(std::string(what) + " must not be negative, got " + std::to_string(key));
  return static_cast<uint64_t>(key);
}

}  // namespace

void bind_shuffle(py::module_& module) {
  py::class_<Shuffler>(module, "Shuffler", "Orders of samples, from a key; one thread at a time.")
      .def(py::init([](const py::object& key0, const py::object& key1) {
             return std::make_unique<Shuffler>(to_key(key0, "Shuffler: key0"), to_key(key1, "Shuffler: key1"));
           }),
           py::arg("key0"), py::arg("key1"))
      .def("permutation", permutation, py::arg("n"), "The next order of n samples, int64[n].");
}

}  // namespace ckeras::bind
