// extend, pad and frames against plain loops: borders of every mode, wider than what they mirror, around one or several
// dimensions, in long rows and many short ones.
#include "ops/extend/extend.h"

#include "ops/testing.h"

using namespace ckeras;
using namespace ckeras::testing;

namespace {

// Element i of the output must be element from(i) of x, or `value` where that is -1.
template <class From>
void check_places(const char* op, const Array& x, const Array* value, const Shape& shape,
                  const std::vector<int64_t>& ints, const From& from) {
  const auto bytes = static_cast<size_t>(size_of(x.view.dtype));
  std::vector<const Array*> in = {&x};
  if (value != nullptr) in.push_back(value);
  for (int threads : {1, 3}) {
    cpu::set_num_threads(threads);
    const Outcome got = run(cpu::Isa::Reference, op, in, {{x.view.dtype, shape}}, {ints, {}});
    bool same = true;
    for (int64_t i = 0; i < got.out[0].view.size(); ++i) {
      const int64_t place = from(i);
      const char* expected = place < 0 ? value->bytes.data() : &x.bytes[static_cast<size_t>(place) * bytes];
      same &= std::memcmp(&got.out[0].bytes[static_cast<size_t>(i) * bytes], expected, bytes) == 0;
    }
    if (!same) std::cerr << describe(op, in, {ints, {}}) << '\n';
    CHECK(same);
  }
}

// What numpy.pad does, one step at a time: mirrored until the place is inside.
int64_t plain_place(int64_t i, int64_t n, int64_t mode) {
  while (i < 0 || i >= n) {
    if (mode == 0) return i < 0 ? 0 : n - 1;
    if (mode == 1 && n == 1) return 0;
    if (mode == 1) i = i < 0 ? -i : 2 * (n - 1) - i;
    if (mode == 2) i = i < 0 ? -1 - i : 2 * n - 1 - i;
    if (mode == 3) i += i < 0 ? n : -n;
  }
  return i;
}

void check_borders(DType dtype, const Shape& shape, const Shape& lows, const Shape& highs) {
  const Array x = sample(dtype, shape, 3), value = sample(dtype, {}, 4);
  const size_t rank = shape.size();
  Shape total;
  for (size_t d = 0; d < rank; ++d) total.push_back(lows[d] + shape[d] + highs[d]);
  for (int64_t mode = 0; mode < 5; ++mode) {
    std::vector<int64_t> ints = lows;
    if (mode == 4) {
      ints.insert(ints.end(), highs.begin(), highs.end());
      ints.resize(3 * rank, 0);
    } else {
      ints.push_back(mode);
    }
    check_places(mode == 4 ? "pad" : "extend", x, mode == 4 ? &value : nullptr, total, ints, [&](int64_t i) {
      int64_t at = 0, step = 1;
      for (size_t d = rank; d-- > 0; i /= total[d], step *= shape[d]) {
        const int64_t place = i % total[d] - lows[d];
        if (mode == 4 && (place < 0 || place >= shape[d])) return int64_t{-1};
        at += plain_place(place, shape[d], mode) * step;
      }
      return at;
    });
  }
}

}  // namespace

int main() {
  for (DType dtype : {DType::U8, DType::F16, DType::F32, DType::F64}) {
    check_borders(dtype, {5}, {3}, {4});
    check_borders(dtype, {1}, {3}, {2});
    check_borders(dtype, {3}, {11}, {17});
    check_borders(dtype, {40000}, {0}, {7});
    check_borders(dtype, {7, 9}, {2, 3}, {0, 1});
    check_borders(dtype, {7, 9, 3}, {2, 3, 0}, {1, 4, 0});
    check_borders(dtype, {4, 1, 2, 70}, {0, 2, 0, 0}, {0, 1, 0, 0});
    check_borders(dtype, {2, 3, 5, 4}, {0, 0, 1, 5}, {1, 0, 0, 0});
    check_borders(dtype, {6, 6}, {0, 0}, {0, 0});
    check_borders(dtype, {300, 200}, {1, 1}, {1, 1});
    check_borders(dtype, {7, 9}, {-2, 3}, {2, -3});
    check_borders(dtype, {7, 9, 3}, {4, -5, 0}, {-4, 9, 0});
    check_borders(dtype, {70, 2}, {-33, 0}, {33, 1});
    const Array x = sample(dtype, {3, 50}, 9);
    for (int64_t step : {1, 4, 9}) {
      check_places("frames", x, nullptr, {3, 4, 20}, {step},
                   [step](int64_t i) { return i / 80 * 50 + i / 20 % 4 * step + i % 20; });
    }
  }
  return CHECK_RESULT();
}
