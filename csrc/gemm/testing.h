// What the tests of products, convolutions and pools share: operands, calls, and one kernel on every instruction set.
// Only for .test.cpp files.
#pragma once
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <iostream>
#include <random>
#include <string>
#include <vector>

#include "base/check.h"
#include "cpu/denormals.h"
#include "cpu/isa.h"
#include "cpu/thread_pool.h"
#include "gemm/reference.h"
#include "runtime/registry.h"

namespace ckeras::testing {

struct Array {
  View view{};
  std::vector<char> bytes;

  Array(DType dtype, const std::vector<int64_t>& shape) {
    view.dtype = dtype;
    view.rank = static_cast<int32_t>(shape.size());
    for (size_t i = 0; i < shape.size(); ++i) view.shape[i] = shape[i];
    bytes.resize(view.nbytes());
    view.data = bytes.data();
  }
  Array(Array&& other) noexcept : view(other.view), bytes(std::move(other.bytes)) { view.data = bytes.data(); }
  Array(const Array& other) : view(other.view), bytes(other.bytes) { view.data = bytes.data(); }
  Array& operator=(const Array&) = delete;

  double at(int64_t i) const {
    double value = 0;
    reference::with_float(view.dtype, [&](auto t) { value = view.as<const decltype(t)>()[i].get(); });
    return value;
  }
  void set(int64_t i, double value) {
    reference::with_float(view.dtype, [&](auto t) { view.as<decltype(t)>()[i].set(value); });
  }
};

inline Array random_array(DType dtype, const std::vector<int64_t>& shape, uint32_t seed) {
  Array a(dtype, shape);
  std::mt19937 draw(seed);
  for (int64_t i = 0; i < a.view.size(); ++i) a.set(i, static_cast<int>(draw() % 2001) / 1000.0 - 1);
  return a;
}

// A kernel's workspace: at first garbage (NaN), and bytes behind it that the kernel must leave alone.
class Workspace {
 public:
  Workspace(const Kernel& kernel, const Call& call) : bytes_(bytes_of(kernel, call)) {
    if (bytes_ <= 0) return;
    data_ = static_cast<char*>(std::aligned_alloc(64, (bytes_ + kBehind + 63) / 64 * 64));
    std::memset(data_, 0xff, bytes_);
    std::memset(data_ + bytes_, kMark, kBehind);
  }
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;
  ~Workspace() {
    bool kept = true;
    for (int64_t i = 0; data_ != nullptr && i < kBehind; ++i) kept &= data_[bytes_ + i] == kMark;
    if (!kept) std::cerr << "written behind a workspace of " << bytes_ << " bytes\n";
    CHECK(kept);
    std::free(data_);
  }
  void* data() const { return data_; }

 private:
  // A plan asks before there are arrays: of shapes alone.
  static int64_t bytes_of(const Kernel& kernel, Call call) {
    if (kernel.workspace == nullptr) return 0;
    std::vector<View> in(call.in, call.in + call.n_in), out(call.out, call.out + call.n_out);
    for (std::vector<View>* views : {&in, &out})
      for (View& view : *views) view.data = nullptr;
    call.in = in.data();
    call.out = out.data();
    return kernel.workspace(call);
  }

  static constexpr int64_t kBehind = 64;
  static constexpr char kMark = 0x5a;
  int64_t bytes_;
  char* data_ = nullptr;
};

// The op's result on an instruction set; every byte of the result starts as garbage (NaN).
inline Array run(cpu::Isa isa, const char* op, const std::vector<const Array*>& in, DType dtype,
                 const std::vector<int64_t>& shape, const std::vector<int64_t>& ints) {
  const Kernel* kernel = kernel_for(isa, op_id(op));
  Array out(dtype, shape);
  if (!out.bytes.empty()) std::memset(out.bytes.data(), 0xff, out.bytes.size());
  std::vector<View> views;
  for (const Array* a : in) views.push_back(a->view);
  Fault fault;
  Call call{views.data(), &out.view, static_cast<int32_t>(in.size()),   1,
            ints.data(),  nullptr,   static_cast<int32_t>(ints.size()), 0,
            nullptr,      &fault};
  const Workspace workspace(*kernel, call);
  call.workspace = workspace.data();
  const cpu::FlushDenormals flush;
  kernel->run(call);
  return out;
}

inline double epsilon(DType dtype) {
  return dtype == DType::F64 ? 0x1p-52 : dtype == DType::F32 ? 0x1p-23 : dtype == DType::F16 ? 0x1p-10 : 0x1p-7;
}

// Where an emulator runs the tests, some 20 times slower.
#if defined(CKERAS_CROSS_COMPILED)
inline constexpr bool kEmulated = true;
#else
inline constexpr bool kEmulated = false;
#endif

// Instrumented code looks for races or bad memory, not for values, which the plain build compares: references, the
// slowest part there, are left out. Most numbers of threads are left out there and under an emulator.
#if defined(__SANITIZE_THREAD__)
inline constexpr bool kCompares = false;
inline std::vector<int> thread_counts() { return {3}; }
#elif defined(__SANITIZE_ADDRESS__)
inline constexpr bool kCompares = false;
inline std::vector<int> thread_counts() {  // by turns
  static int turn = 0;
  return {++turn % 2 == 0 ? 3 : 1};
}
#else
inline constexpr bool kCompares = true;
inline std::vector<int> thread_counts() { return kEmulated ? std::vector<int>{3} : std::vector<int>{1, 2, 3}; }
#endif

// The op on every instruction set and 1, 2, 3 threads: within `terms` roundings of the reference (of float32 before the
// last one for halves) and `slack` of the reference, and the same bits wherever the promise of docs/determinism.md
// holds.
inline void check_op(const std::string& what, const char* op, const std::vector<const Array*>& in, DType dtype,
                     const std::vector<int64_t>& shape, const std::vector<int64_t>& ints, int64_t terms,
                     double slack = 0) {
  const Array expected = kCompares ? run(cpu::Isa::Reference, op, in, dtype, shape, ints) : Array(dtype, {0});
  const double rounding = dtype == DType::F64 ? 0x1p-52 : 0x1p-23;
  const Array* first = nullptr;
  std::vector<Array> kept;
  kept.reserve(1);
  for (cpu::Isa isa : cpu::supported_isas()) {
    if (isa == cpu::Isa::Reference) continue;
    for (int threads : thread_counts()) {
      cpu::set_num_threads(threads);
      const Array got = run(isa, op, in, dtype, shape, ints);
      if (!kCompares) continue;
      const std::string where = what + " on " + cpu::name_of(isa) + ", " + std::to_string(threads) + " threads";
      int64_t wrong = 0;
      for (int64_t i = 0; i < got.view.size() && wrong == 0; ++i) {
        const double g = got.at(i), e = expected.at(i);
        const double tolerance = rounding * (8 + static_cast<double>(terms)) + 4 * epsilon(dtype) * std::abs(e) + slack;
        if (!(std::abs(g - e) <= tolerance || (std::isnan(g) && std::isnan(e)) || g == e)) {
          std::cerr << where << ": element " << i << " is " << g << ", expected " << e << '\n';
          ++wrong;
        }
      }
      CHECK_EQ(wrong, 0);
      if (isa == cpu::Isa::Baseline) continue;
      if (first == nullptr) {
        kept.push_back(got);
        first = &kept.back();
      }
      if (got.bytes != first->bytes) std::cerr << where << ": other bits\n";
      CHECK(got.bytes == first->bytes);
    }
  }
}

}  // namespace ckeras::testing
