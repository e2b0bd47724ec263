#include "bind/dlpack.h"

#include <memory>
#include <stdexcept>
#include <string>

#include "base/dlpack.h"
#include "bind/array.h"
#include "bind/convert.h"

namespace ckeras::bind {
namespace {

using namespace dlpack;

template <class Managed>
struct Exported {
  Managed managed{};
  Array array;
};

template <class Managed>
py::object make_capsule(Array array) {
  auto exported = std::make_unique<Exported<Managed>>();
  exported->array = std::move(array);
  View& view = exported->array.view;
  const Code code = kCodes[static_cast<int>(view.dtype)];
  exported->managed.tensor = {view.data, {kCpu, 0}, view.rank, {code.code, code.bits, 1}, view.shape, nullptr, 0};
  exported->managed.context = exported.get();
  exported->managed.deleter = [](Managed* managed) { delete static_cast<Exported<Managed>*>(managed->context); };
  if constexpr (std::is_same_v<Managed, Versioned>) {
    exported->managed.version = {1, 0};
    exported->managed.flags = kReadOnly;
  }
  PyObject* capsule = PyCapsule_New(&exported->managed, Managed::kName, [](PyObject* self) {
    if (!PyCapsule_IsValid(self, Managed::kName)) return;  // consumed: the consumer calls the deleter
    auto* managed = static_cast<Managed*>(PyCapsule_GetPointer(self, Managed::kName));
    managed->deleter(managed);
  });
  if (!capsule) throw py::error_already_set();
  exported.release();
  return py::reinterpret_steal<py::object>(capsule);
}

View view_of(const DLTensor& tensor) {
  if (tensor.device.type != kCpu) throw py::value_error("from_dlpack: the tensor is not in CPU memory");
  if (tensor.ndim < 0 || tensor.ndim > kMaxRank) throw py::value_error("from_dlpack: too many dimensions");
  int dtype = 0;
  while (dtype < kDTypes && (kCodes[dtype].code != tensor.dtype.code || kCodes[dtype].bits != tensor.dtype.bits))
    ++dtype;
  if (dtype == kDTypes || tensor.dtype.lanes != 1) {
    throw py::value_error("from_dlpack: dtype code " + std::to_string(tensor.dtype.code) + " with " +
                          std::to_string(tensor.dtype.bits) + " bits is not supported");
  }
  View view = checked_view({tensor.shape, static_cast<size_t>(tensor.ndim)}, static_cast<DType>(dtype));
  int64_t stride = 1;
  for (int i = tensor.ndim - 1; tensor.strides && view.size() > 1 && i >= 0; --i) {
    if (tensor.shape[i] != 1 && tensor.strides[i] != stride) {
      throw py::value_error(
          "from_dlpack: the tensor is not contiguous in row-major order; make a contiguous copy first");
    }
    stride *= tensor.shape[i];
  }
  view.data = static_cast<char*>(tensor.data) + tensor.byte_offset;
  return view;
}

template <class Managed>
py::object consume(PyObject* capsule) {
  auto* managed = static_cast<Managed*>(PyCapsule_GetPointer(capsule, Managed::kName));
  const View view = view_of(managed->tensor);
  Array array{Storage::external(view.data, view.nbytes(), managed,
                                [](void* owner) noexcept {
                                  auto* held = static_cast<Managed*>(owner);
                                  if (held->deleter) held->deleter(held);
                                }),
              view};
  PyCapsule_SetName(capsule, Managed::kUsed);
  return to_python(std::move(array));
}

}  // namespace

py::object to_dlpack(const Array& array, bool versioned) {
  return versioned ? make_capsule<Versioned>(array) : make_capsule<Unversioned>(Array::copy_of(array.view));
}

py::object from_dlpack(const py::object& capsule) {
  if (PyCapsule_IsValid(capsule.ptr(), Versioned::kName)) return consume<Versioned>(capsule.ptr());
  if (PyCapsule_IsValid(capsule.ptr(), Unversioned::kName)) return consume<Unversioned>(capsule.ptr());
  type_mismatch("from_dlpack: capsule", "a DLPack capsule that was not consumed yet", capsule.ptr());
}

}  // namespace ckeras::bind
