// Max pooling, its gradient and pick against their references: ties, NaN, overlapping and empty windows, few channels.
#include "gemm/testing.h"

using namespace ckeras;
using namespace ckeras::testing;

namespace {

struct Case {
  int64_t n, h, w, c, kh, kw, sh, sw, top, bottom, left, right;
};

// Few different values, so windows have ties; some NaN and infinities.
Array image(DType dtype, const std::vector<int64_t>& shape, bool specials) {
  Array x = random_array(dtype, shape, 5);
  for (int64_t i = 0; i < x.view.size(); ++i) {
    x.set(i, std::round(x.at(i) * 3));
    if (specials && i % 7 == 3) x.set(i, NAN);
    if (specials && i % 5 == 1) x.set(i, -INFINITY);
  }
  return x;
}

void check_case(const Case& t, DType dtype, bool specials) {
  const int64_t oh = (t.h + t.top + t.bottom - t.kh) / t.sh + 1, ow = (t.w + t.left + t.right - t.kw) / t.sw + 1;
  const std::vector<int64_t> x_shape = {t.n, t.h, t.w, t.c}, y_shape = {t.n, oh, ow, t.c};
  const std::vector<int64_t> ints = {t.kh, t.kw, t.sh, t.sw, t.top, t.bottom, t.left, t.right};
  const Array x = image(dtype, x_shape, specials);
  const Array dy = random_array(dtype, y_shape, 1), v = random_array(dtype, x_shape, 2);
  std::string what = name_of(dtype);
  for (int64_t value : x_shape) what += ' ' + std::to_string(value);
  for (int64_t value : ints) what += ' ' + std::to_string(value);
  check_op("max_pool2d " + what, "max_pool2d", {&x}, dtype, y_shape, ints, 0);
  check_op("max_pool2d_grad " + what, "max_pool2d_grad", {&x, &dy}, dtype, x_shape, ints, t.kh * t.kw);
  check_op("max_pool2d_pick " + what, "max_pool2d_pick", {&x, &v}, dtype, y_shape, ints, 0);
}

}  // namespace

int main() {
  const Case cases[] = {
      // n  h  w  c  kh kw sh sw t  b  l  r
      {2, 8, 8, 32, 2, 2, 2, 2, 0, 0, 0, 0},   // as most models
      {3, 7, 9, 1, 2, 2, 2, 2, 0, 0, 0, 0},    // one channel
      {2, 7, 9, 3, 3, 3, 2, 2, 1, 1, 1, 1},    // overlapping, padded
      {2, 9, 6, 17, 3, 2, 1, 1, 1, 1, 0, 1},   // overlapping, odd channels
      {2, 6, 6, 131, 2, 3, 2, 3, 0, 0, 0, 0},  // several stretches of channels
      {2, 4, 4, 20, 2, 2, 2, 2, 3, 3, 2, 2},   // windows wholly in the padding
      {1, 40, 40, 5, 3, 3, 1, 1, 1, 1, 1, 1},  // more than one piece
      {0, 4, 4, 8, 2, 2, 2, 2, 0, 0, 0, 0},    // no images
      {2, 4, 4, 0, 2, 2, 2, 2, 0, 0, 0, 0},    // no channels
  };
  for (const Case& t : cases)
    for (DType dtype : {DType::F32, DType::F64, DType::BF16, DType::F16})
      for (bool specials : {false, true}) check_case(t, dtype, specials);
  return CHECK_RESULT();
}
