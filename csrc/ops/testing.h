// What the tests of structured ops share: arrays of any dtype, calls with several outputs, and one op on every
// instruction set and number of threads against its reference. Only for .test.cpp files.
#pragma once
#include <algorithm>
#include <sstream>

#include "gemm/testing.h"
#include "ops/reference.h"

namespace ckeras::testing {

using Shape = std::vector<int64_t>;

inline constexpr DType kFloats[] = {DType::F32, DType::F64, DType::F16, DType::BF16};
inline constexpr DType kIntegers[] = {DType::I8, DType::I16, DType::I32, DType::I64,
                                      DType::U8, DType::U16, DType::U32, DType::U64};

inline bool is_float(DType dtype) { return dtype >= DType::F16; }

// Sizes around the lanes of a vector, the four accumulators of a sum, its chunks, and primes between.
inline const Shape kLengths = {0, 1, 2, 7, 15, 16, 17, 31, 33, 63, 64, 65, 127, 131, 1021, 4095, 4096, 4097, 8197};

// Floats: multiples of 1/8 in [-2, 2], whose sums are exact in every order. Integers: all bits. bool: one in four
// false.
inline Array sample(DType dtype, const Shape& shape, uint32_t seed) {
  Array a(dtype, shape);
  std::mt19937 draw(seed);
  if (is_float(dtype)) {
    for (int64_t i = 0; i < a.view.size(); ++i) a.set(i, static_cast<int>(draw() % 33) / 8.0 - 2);
  } else {
    for (char& byte : a.bytes) byte = static_cast<char>(dtype == DType::Bool ? draw() % 4 != 0 : draw());
  }
  return a;
}

struct Out {
  DType dtype;
  Shape shape;
};
struct Attributes {
  std::vector<int64_t> ints;
  std::vector<double> floats;
};
struct Outcome {
  std::vector<Array> out;
  Fault fault;
};

// Every byte of the outputs starts as garbage.
inline Outcome run(const Kernel& kernel, const std::vector<const Array*>& in, const std::vector<Out>& outs,
                   const Attributes& attributes) {
  Outcome result;
  std::vector<View> views, out_views;
  for (const Array* a : in) views.push_back(a->view);
  result.out.reserve(outs.size());
  for (const Out& o : outs) {
    result.out.emplace_back(o.dtype, o.shape);
    std::fill(result.out.back().bytes.begin(), result.out.back().bytes.end(), '\xff');
    out_views.push_back(result.out.back().view);
  }
  Call call{views.data(),
            out_views.data(),
            static_cast<int32_t>(views.size()),
            static_cast<int32_t>(out_views.size()),
            attributes.ints.data(),
            attributes.floats.data(),
            static_cast<int32_t>(attributes.ints.size()),
            static_cast<int32_t>(attributes.floats.size()),
            nullptr,
            &result.fault};
  const Workspace workspace(kernel, call);
  call.workspace = workspace.data();
  const cpu::FlushDenormals flush;
  kernel.run(call);
  return result;
}

inline Outcome run(cpu::Isa isa, const char* op, const std::vector<const Array*>& in, const std::vector<Out>& outs,
                   const Attributes& attributes) {
  return run(*kernel_for(isa, op_id(op)), in, outs, attributes);
}

// |got - expected| <= relative * |expected| + absolute; integers are the same.
struct Tolerance {
  double relative = 0, absolute = 0;
};

// The first element where the two differ by more, or -1. NaN equals NaN.
inline int64_t first_difference(const Array& got, const Array& expected, Tolerance tolerance) {
  const int64_t itemsize = size_of(got.view.dtype);
  for (int64_t i = 0; i < got.view.size(); ++i) {
    if (is_float(got.view.dtype)) {
      const double g = got.at(i), e = expected.at(i);
      if (std::isnan(g) && std::isnan(e)) continue;
      if (g == e || std::abs(g - e) <= tolerance.relative * std::abs(e) + tolerance.absolute) continue;
    } else if (std::memcmp(&got.bytes[i * itemsize], &expected.bytes[i * itemsize], itemsize) == 0) {
      continue;
    }
    return i;
  }
  return -1;
}

// The first element whose bits differ, or -1; which NaN it is does not count.
inline int64_t first_other_bits(const Array& a, const Array& b) {
  const int64_t itemsize = size_of(a.view.dtype);
  for (int64_t i = 0; i < a.view.size(); ++i) {
    if (std::memcmp(&a.bytes[i * itemsize], &b.bytes[i * itemsize], itemsize) == 0) continue;
    if (!is_float(a.view.dtype) || !std::isnan(a.at(i)) || !std::isnan(b.at(i))) return i;
  }
  return -1;
}

inline std::string describe(const char* op, const std::vector<const Array*>& in, const Attributes& attributes) {
  std::ostringstream text;
  text << op;
  for (const Array* a : in) {
    text << ' ' << name_of(a->view.dtype) << '[';
    for (int d = 0; d < a->view.rank; ++d) text << a->view.shape[d] << ' ';
    text << ']';
  }
  for (int64_t value : attributes.ints) text << ' ' << value;
  for (double value : attributes.floats) text << ' ' << value;
  return text.str();
}

// The op on every instruction set and on 1, 2, 3 threads: near the reference, the same fault, and the same bits
// wherever docs/determinism.md promises them.
inline void check_kernel(const char* op, const std::vector<const Array*>& in, const std::vector<Out>& outs,
                         const Attributes& attributes, Tolerance tolerance) {
  const Outcome expected = kCompares ? run(cpu::Isa::Reference, op, in, outs, attributes) : Outcome{};
  std::vector<Outcome> kept;
  for (cpu::Isa isa : cpu::supported_isas()) {
    if (isa == cpu::Isa::Reference) continue;
    for (int threads : thread_counts()) {
      cpu::set_num_threads(threads);
      Outcome got = run(isa, op, in, outs, attributes);
      if (!kCompares) continue;
      bool right = got.fault.code == expected.fault.code && got.fault.value == expected.fault.value &&
                   got.fault.limit == expected.fault.limit;
      for (size_t o = 0; o < outs.size(); ++o) {
        const int64_t i = first_difference(got.out[o], expected.out[o], tolerance);
        const int64_t j = kept.empty() ? -1 : first_other_bits(got.out[o], kept[0].out[o]);
        if (i < 0 && j < 0) continue;
        right = false;
        if (i >= 0 && is_float(outs[o].dtype)) {
          std::cerr << "output " << o << ", element " << i << " is " << got.out[o].at(i) << ", expected "
                    << expected.out[o].at(i) << '\n';
        }
        if (j >= 0) std::cerr << "output " << o << ", element " << j << " has other bits\n";
      }
      if (!right) {
        std::cerr << describe(op, in, attributes) << " on " << cpu::name_of(isa) << ", " << threads << " threads\n";
      }
      CHECK(right);
      if (isa != cpu::Isa::Baseline && kept.empty()) kept.push_back(std::move(got));
    }
  }
}

}  // namespace ckeras::testing
