// What the tests of kernels share: an op on the device (or its emulation) against the CPU's float64 reference, and the
// same bits from run to run. Only for .test.cpp files.
#pragma once
#include "cuda/queue.h"
#include "ops/testing.h"
#if defined(CKERAS_EMULATED)
#include "cuda/testing/emulate.h"
#endif

namespace ckeras::cuda::testing {

using ckeras::testing::Array;
using ckeras::testing::Attributes;
using ckeras::testing::Out;
using ckeras::testing::Outcome;
using ckeras::testing::Shape;
using ckeras::testing::Tolerance;

inline void expect(int error, const char* what) {
  if (error == 0) return;
  std::cerr << what << ": " << message(error) << '\n';
  std::exit(1);  // whatever follows on the device would fail too
}

// Bytes of the device, with what was in `host`.
class Memory {
 public:
  Memory(const void* host, int64_t bytes) : bytes_(bytes) {
    expect(allocate(&p_, bytes), "allocation");
    expect(copy_in(p_, host, bytes), "copy to the device");
  }
  // Garbage.
  explicit Memory(int64_t bytes) : bytes_(bytes) {
    expect(allocate(&p_, bytes), "allocation");
    expect(fill(p_, 0xff, bytes), "fill");
  }
  Memory(Memory&& other) noexcept : p_(other.p_), bytes_(other.bytes_) { other.p_ = nullptr; }
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  ~Memory() {
    if (p_ != nullptr) expect(release(p_), "release");
  }
  void* get() const { return p_; }
  void read(void* host) const { expect(copy_out(host, p_, bytes_), "copy from the device"); }

 private:
  void* p_ = nullptr;
  int64_t bytes_;
};

// run(call, queue) with the call's data on the device. Outputs and workspace start as garbage; with `in_place` output i
// is the memory of the input in_place[i].
template <class Run>
Outcome run_on_device(const std::vector<const Array*>& in, const std::vector<Out>& outs, const Attributes& attributes,
                      WorkspaceFn workspace, const std::vector<int>& in_place, const Run& run) {
  std::vector<View> views, out_views;
  std::vector<Memory> memory, out_memory;
  memory.reserve(in.size());
  out_memory.reserve(outs.size());
  for (const Array* a : in) {
    memory.emplace_back(a->bytes.data(), static_cast<int64_t>(a->bytes.size()));
    views.push_back(a->view);
    views.back().data = memory.back().get();
  }
  Outcome result;
  result.out.reserve(outs.size());
  for (size_t i = 0; i < outs.size(); ++i) {
    result.out.emplace_back(outs[i].dtype, outs[i].shape);
    out_views.push_back(result.out.back().view);
    if (in_place.empty()) {
      out_memory.emplace_back(static_cast<int64_t>(result.out.back().bytes.size()));
      out_views.back().data = out_memory.back().get();
    } else {
      out_views.back().data = views[static_cast<size_t>(in_place[i])].data;
    }
  }
  const Fault none;
  const Memory fault(&none, sizeof none);
  Call call{views.data(),
            out_views.data(),
            static_cast<int32_t>(views.size()),
            static_cast<int32_t>(out_views.size()),
            attributes.ints.data(),
            attributes.floats.data(),
            static_cast<int32_t>(attributes.ints.size()),
            static_cast<int32_t>(attributes.floats.size()),
            nullptr,
            static_cast<Fault*>(fault.get())};
  const Memory scratch(workspace != nullptr ? workspace(call) : 0);
  call.workspace = scratch.get();
  Queue queue;
  {
#if defined(CKERAS_EMULATED)
    const cpu::FlushDenormals flush;  // as -ftz=true
#endif
    CHECK(run(call, queue) == Status::Launched);
  }
  expect(queue.error, "launch");
  fault.read(&result.fault);
  for (size_t i = 0; i < outs.size(); ++i) {
    if (in_place.empty()) {
      out_memory[i].read(result.out[i].bytes.data());
    } else {
      memory[static_cast<size_t>(in_place[i])].read(result.out[i].bytes.data());
    }
  }
  return result;
}

inline bool same_outcome(const Outcome& a, const Outcome& b) {
  for (size_t o = 0; o < a.out.size(); ++o) {
    if (a.out[o].bytes != b.out[o].bytes) return false;
  }
  return a.fault.code == b.fault.code && a.fault.value == b.fault.value && a.fault.limit == b.fault.limit;
}

// The same bytes a second time; emulated, with the threads and blocks in the other order.
template <class Run>
Outcome run_twice(const Run& run, const std::string& what) {
  Outcome first = run();
#if defined(CKERAS_EMULATED)
  emulate::turn_around(true);
#endif
  const Outcome second = run();
#if defined(CKERAS_EMULATED)
  emulate::turn_around(false);
#endif
  const bool repeats = same_outcome(first, second);
  if (!repeats) std::cerr << what << ": other bits in a second run\n";
  CHECK(repeats);
  return first;
}

inline Outcome run_op(const char* op, const std::vector<const Array*>& in, const std::vector<Out>& outs,
                      const Attributes& attributes, const std::vector<int>& in_place = {}) {
  const DeviceKernel* kernel = find_kernel(op);
  CHECK(kernel != nullptr);
  return run_twice([&] { return run_on_device(in, outs, attributes, kernel->workspace, in_place, kernel->run); },
                   ckeras::testing::describe(op, in, attributes));
}

inline void compare(const Outcome& got, const Outcome& expected, Tolerance tolerance, const std::string& what) {
  bool right = got.fault.code == expected.fault.code && got.fault.value == expected.fault.value &&
               got.fault.limit == expected.fault.limit;
  for (size_t o = 0; o < got.out.size() && expected.fault.code == 0; ++o) {
    const int64_t i = ckeras::testing::first_difference(got.out[o], expected.out[o], tolerance);
    if (i < 0) continue;
    right = false;
    std::cerr << "output " << o << ", element " << i;
    if (ckeras::testing::is_float(got.out[o].view.dtype)) {
      std::cerr << " is " << got.out[o].at(i) << ", expected " << expected.out[o].at(i);
    }
    std::cerr << '\n';
  }
  if (!right) std::cerr << what << '\n';
  CHECK(right);
}

// The op near the CPU's reference.
inline void check_op(const char* op, const std::vector<const Array*>& in, const std::vector<Out>& outs,
                     const Attributes& attributes, Tolerance tolerance) {
  const Outcome got = run_op(op, in, outs, attributes);
  const Outcome expected = ckeras::testing::run(cpu::Isa::Reference, op, in, outs, attributes);
  compare(got, expected, tolerance, ckeras::testing::describe(op, in, attributes));
}

// A test without a device is skipped: ctest knows this number.
inline constexpr int kSkipped = 77;

}  // namespace ckeras::cuda::testing

// The beginning of main().
#define CHECK_DEVICE()                                  \
  do {                                                  \
    if (::ckeras::cuda::device_count() == 0) {          \
      std::cerr << "skipped: no CUDA device answers\n"; \
      return ::ckeras::cuda::testing::kSkipped;         \
    }                                                   \
  } while (false)
