// argsort and sort against a stable sort of the values, of every dtype, in rows around the sizes where the way changes.
#include "ops/argsort/argsort.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>

#include "ops/testing.h"

using namespace ckeras;
using namespace ckeras::testing;

namespace {

template <class T>
T number(const Array& x, int64_t i) {
  return x.view.as<const T>()[i];
}

template <class Less>
void check_rows(const Array& x, int64_t rows, int64_t n, int64_t k, bool descending, const Less& less) {
  for (int threads : {1, 3}) {
    cpu::set_num_threads(threads);
    const Outcome got = run(cpu::Isa::Reference, "argsort", {&x}, {{DType::I32, {rows, k}}}, {{descending}, {}});
    bool same = true;
    for (int64_t r = 0; r < rows; ++r) {
      std::vector<int32_t> order(static_cast<size_t>(n));
      std::iota(order.begin(), order.end(), 0);
      std::stable_sort(order.begin(), order.end(), [&](int32_t a, int32_t b) {
        return descending ? less(r * n + b, r * n + a) : less(r * n + a, r * n + b);
      });
      for (int64_t i = 0; i < k; ++i) {
        same &= got.out[0].view.as<const int32_t>()[r * k + i] == order[static_cast<size_t>(i)];
      }
    }
    const Outcome values = run(cpu::Isa::Reference, "sort", {&x}, {{x.view.dtype, {rows, k}}}, {{descending}, {}});
    const auto bytes = static_cast<size_t>(size_of(x.view.dtype));
    for (int64_t i = 0; i < rows * k; ++i) {
      const int64_t from = i / k * n + got.out[0].view.as<const int32_t>()[i];
      same &= std::memcmp(&values.out[0].bytes[static_cast<size_t>(i) * bytes],
                          &x.bytes[static_cast<size_t>(from) * bytes], bytes) == 0;
    }
    if (!same) std::cerr << "argsort " << name_of(x.view.dtype) << ' ' << rows << ' ' << n << ' ' << k << '\n';
    CHECK(same);
  }
}

void check_dtype(DType dtype, int64_t rows, int64_t n, int64_t k, bool descending, bool few) {
  Array x = sample(dtype, {rows, n}, static_cast<uint32_t>(rows + n));
  if (is_float(dtype)) {  // few: multiples of 1/8 with many equals; else many values, and what is special
    const double special[] = {0.0, -0.0, INFINITY, -INFINITY, NAN, -NAN, 1e-3, -1e-3};
    std::mt19937 draw(7);
    for (int64_t i = 0; !few && i < rows * n; ++i) {
      x.set(i, draw() % 9 == 0 ? special[draw() % 8] : std::ldexp(static_cast<double>(draw()) / 4e9 - 0.5, draw() % 9));
    }
    return check_rows(x, rows, n, k, descending, [&](int64_t a, int64_t b) {
      const double p = x.at(a), q = x.at(b);
      return std::isnan(q) ? !std::isnan(p) : p < q;
    });
  }
  const auto of = [&](auto zero) {
    using T = decltype(zero);
    check_rows(x, rows, n, k, descending, [&](int64_t a, int64_t b) { return number<T>(x, a) < number<T>(x, b); });
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
}

void check_keys(const std::vector<uint32_t>& keys) {
  const auto n = static_cast<int64_t>(keys.size());
  Array x(DType::U32, {1, n});
  std::copy(keys.begin(), keys.end(), x.view.as<uint32_t>());
  check_rows(x, 1, n, n, false, [&](int64_t a, int64_t b) { return keys[a] < keys[b]; });
}

// Keys whose every sample of 16 holds the 8 least: quicksort would take n / 8 rounds. They are chosen while it runs.
std::vector<uint32_t> killer(int64_t n) {
  std::vector<uint32_t> keys(n, UINT32_MAX);
  std::vector<int64_t> left(n);
  std::iota(left.begin(), left.end(), 0);
  uint32_t next = 0;
  while (left.size() > 128) {
    const auto count = static_cast<int64_t>(left.size());
    std::vector<uint32_t> sample;
    for (int64_t i = 0; i < 16; ++i) {
      uint32_t& key = keys[left[(2 * i + 1) * count / 32]];
      if (i < 9 && key == UINT32_MAX) key = next++;
      sample.push_back(key);
    }
    std::sort(sample.begin(), sample.end());
    std::erase_if(left, [&](int64_t at) { return keys[at] < sample[8]; });
  }
  return keys;
}

}  // namespace

int main() {
  std::vector<DType> dtypes(std::begin(kFloats), std::end(kFloats));
  dtypes.insert(dtypes.end(), std::begin(kIntegers), std::end(kIntegers));
  dtypes.push_back(DType::Bool);
  for (DType dtype : dtypes) {
    for (bool descending : {false, true}) {
      for (int64_t n : {0, 1, 2, 63, 64, 65, 300}) check_dtype(dtype, 3, n, n, descending, n % 2 == 0);
      for (int64_t n : {1, 2, 3, 5, 8, 13, 31, 32, 33}) check_dtype(dtype, 130, n, n, descending, n % 2 == 0);  // short
      check_dtype(dtype, 5000, 3, 2, descending, true);
      check_dtype(dtype, 2, 9001, 9001, descending, false);
      check_dtype(dtype, 150, 100, 100, descending, true);
      check_dtype(dtype, 3, 500, 7, descending, false);
      check_dtype(dtype, 2, 5003, 1, descending, false);
      check_dtype(dtype, 2, 5003, 90, descending, true);
      check_dtype(dtype, 3, 500, 400, descending, false);
    }
  }
  check_dtype(DType::F32, 40, 5000, 3, true, false);  // more rows than have memory at a time
  check_dtype(DType::U16, 40, 4097, 4097, false, false);
  for (int64_t n : {15, 16, 17, 32, 33, 64, 65, 127, 128, 129, 144, 1000, 2048, 5001}) {
    std::vector<uint32_t> keys(n);
    const auto check = [&](auto key) {
      for (int64_t i = 0; i < n; ++i) keys[i] = static_cast<uint32_t>(key(i));
      check_keys(keys);
    };
    std::mt19937 draw(static_cast<uint32_t>(n));
    check([&](int64_t) { return draw(); });
    check([&](int64_t) { return draw() % 3; });
    check([&](int64_t) { return draw() % 2 ? UINT32_MAX : draw() % 5; });
    check([&](int64_t) { return UINT32_MAX - (draw() % 4 ? 1 : 0); });
    check([](int64_t) { return UINT32_MAX; });
    check([](int64_t) { return 0; });
    check([](int64_t i) { return i; });
    check([&](int64_t i) { return n - i; });
    check([&](int64_t i) { return std::min(i, n - i); });
    check([](int64_t i) { return i == 7 ? 0 : UINT32_MAX; });
  }
  check_keys(killer(5000));
  return CHECK_RESULT();
}
