#include "bind/errors.h"

#include <new>
#include <stdexcept>

#include "runtime/control.h"

namespace ckeras::bind {
namespace {

PyObject* fault_type = nullptr;

void set_fault(const FaultError& error) {
  if (error.fault.code == kInterrupted && PyErr_Occurred()) return;  // the signal's own exception
  py::object args = py::make_tuple(error.op, error.fault.code, error.fault.value, error.fault.limit);
  PyErr_SetObject(fault_type, args.ptr());
}

}  // namespace

void set_python_error() noexcept {
  try {
    throw;
  } catch (py::error_already_set& error) {
    error.restore();
  } catch (const FaultError& error) {
    set_fault(error);
  } catch (const py::builtin_exception& error) {
    error.set_error();
  } catch (const std::bad_alloc& error) {
    PyErr_SetString(PyExc_MemoryError, error.what());
  } catch (const std::invalid_argument& error) {
    PyErr_SetString(PyExc_ValueError, error.what());
  } catch (const std::exception& error) {
    PyErr_SetString(PyExc_RuntimeError, error.what());
  }
}

bool signal_pending() {
  const py::gil_scoped_acquire acquire;
  return PyErr_CheckSignals() != 0;
}

void bind_errors(py::module_& module) {
  set_interrupt_check(signal_pending);
  fault_type = PyErr_NewExceptionWithDoc(
      "ckeras._engine.Fault", "A kernel met a bad value. args: op name, code, value, limit.", nullptr, nullptr);
  if (!fault_type) throw py::error_already_set();
  module.add_object("Fault", fault_type);
  py::register_exception_translator([](std::exception_ptr pointer) {
    try {
      if (pointer) std::rethrow_exception(pointer);
    } catch (const FaultError& error) {
      set_fault(error);
    }
  });
}

}  // namespace ckeras::bind
