// searchsorted against a count of every dtype's smaller elements, with equal ones, NaN, infinities and both zeros; and
// bincount, in one and several tables.
#include "ops/searchsorted/searchsorted.h"

#include <cmath>

#include "ops/testing.h"

using namespace ckeras;
using namespace ckeras::testing;

namespace {

void check_search(DType dtype, int64_t n, int64_t count) {
  Array drawn = sample(dtype, {n}, 5), values = sample(dtype, {count}, 6);
  const double special[] = {0.0, -0.0, INFINITY, -INFINITY, NAN, -NAN};
  for (int64_t i = 0; is_float(dtype) && i < count; i += 3) values.set(i, special[i % 6]);
  for (int64_t i = 0; is_float(dtype) && i < n; i += 7) drawn.set(i, special[i % 6]);
  const Outcome sorted = run(cpu::Isa::Reference, "sort", {&drawn}, {{dtype, {n}}}, {{0}, {}});
  const Array& rising = sorted.out[0];
  // Places in one sorted whole: of each sorted element, how many of all the values come before it.
  const auto less = [&](const Array& a, int64_t i, const Array& b, int64_t j) {
    if (is_float(dtype)) return std::isnan(b.at(j)) ? !std::isnan(a.at(i)) : a.at(i) < b.at(j);
    const auto of = [&](auto zero) {
      using T = decltype(zero);
      return a.view.as<const T>()[i] < b.view.as<const T>()[j];
    };
    switch (dtype) {
      case DType::I8:
        return of(int8_t{});
      case DType::I16:
        return of(int16_t{});
      case DType::I32:
        return of(int32_t{});
      case DType::I64:
        return of(int64_t{});
      case DType::U16:
        return of(uint16_t{});
      case DType::U32:
        return of(uint32_t{});
      case DType::U64:
        return of(uint64_t{});
      default:
        return of(uint8_t{});
    }
  };
  for (int64_t after : {0, 1}) {
    for (int threads : {1, 3}) {
      cpu::set_num_threads(threads);
      const Outcome got =
          run(cpu::Isa::Reference, "searchsorted", {&rising, &values}, {{DType::I32, {count}}}, {{after}, {}});
      bool same = true;
      for (int64_t i = 0; i < count; ++i) {
        int32_t expected = 0;
        for (int64_t k = 0; k < n; ++k) expected += after ? !less(values, i, rising, k) : less(rising, k, values, i);
        same &= got.out[0].view.as<const int32_t>()[i] == expected;
      }
      if (!same) std::cerr << "searchsorted " << name_of(dtype) << ' ' << n << ' ' << count << '\n';
      CHECK(same);
    }
  }
}

template <class T>
void check_counts(DType dtype, int64_t n, int64_t bins) {
  Array x(dtype, {n});
  std::vector<int32_t> expected(static_cast<size_t>(bins));
  std::mt19937 draw(3);
  for (int64_t i = 0; i < n; ++i) {
    x.view.as<T>()[i] = static_cast<T>(draw() % static_cast<uint64_t>(bins));
    ++expected[static_cast<size_t>(x.view.as<T>()[i])];
  }
  for (int threads : {1, 3}) {
    cpu::set_num_threads(threads);
    const Outcome got = run(cpu::Isa::Reference, "bincount", {&x}, {{DType::I32, {bins}}}, {});
    CHECK(std::memcmp(got.out[0].bytes.data(), expected.data(), expected.size() * sizeof(int32_t)) == 0);
  }
  if (n < 2) return;
  x.view.as<T>()[n - 1] = -5;
  x.view.as<T>()[n / 2] = static_cast<T>(bins);
  const Outcome got = run(cpu::Isa::Reference, "bincount", {&x}, {{DType::I32, {bins}}}, {});
  CHECK(got.fault.code == 1 && got.fault.value == bins && got.fault.limit == bins);
}

}  // namespace

int main() {
  std::vector<DType> dtypes(std::begin(kFloats), std::end(kFloats));
  dtypes.insert(dtypes.end(), std::begin(kIntegers), std::end(kIntegers));
  dtypes.push_back(DType::Bool);
  for (DType dtype : dtypes) {
    for (int64_t n : {0, 1, 2, 3, 31, 100}) check_search(dtype, n, 53);
    check_search(dtype, 17, 9000);
    check_search(dtype, 5, 0);
  }
  const Array none(DType::I32, {0});
  CHECK_EQ(run(cpu::Isa::Reference, "bincount", {&none}, {{DType::I32, {0}}}, {}).fault.code, 0);
  for (int64_t n : {0, 1, 100, 70000}) {
    for (int64_t bins : {1, 7, 3000}) {
      check_counts<int32_t>(DType::I32, n, bins);
      check_counts<int64_t>(DType::I64, n, bins);
    }
  }
  return CHECK_RESULT();
}
