#include "runtime/array.h"

#include <stdexcept>
#include <vector>

#include "base/check.h"

namespace ckeras {
namespace {

using Shape = std::vector<int64_t>;

void test_shapes() {
  const Array array = Array::empty(Shape{2, 3}, DType::F32);
  CHECK_EQ(array.view.nbytes(), 24);
  CHECK_EQ(describe(array.view), "float32[2, 3]");
  CHECK_EQ(describe(array.reshape(Shape{3, 2, 1}).view), "float32[3, 2, 1]");
  CHECK_EQ(array.reshape(Shape{6}).view.data, array.view.data);
  CHECK_THROWS(array.reshape(Shape{5}), std::invalid_argument);
  CHECK_EQ(Array::empty(Shape{}, DType::I64).view.nbytes(), 8);
  CHECK_EQ(Array::empty(Shape{4, 0, 5}, DType::I64).view.nbytes(), 0);
}

void test_refused_shapes() {
  constexpr int64_t kBig = int64_t{1} << 62;
  CHECK_THROWS(checked_view(Shape{-1}, DType::F32), std::invalid_argument);
  CHECK_THROWS(checked_view(Shape{kBig, 4}, DType::U8), std::invalid_argument);
  CHECK_THROWS(checked_view(Shape{kBig, 0, kBig}, DType::U8), std::invalid_argument);
  CHECK_THROWS(checked_view(Shape{kBig}, DType::F64), std::invalid_argument);
  CHECK_THROWS(checked_view(Shape(kMaxRank + 1, 1), DType::F32), std::invalid_argument);
  CHECK_EQ(checked_view(Shape(kMaxRank, 1), DType::F32).size(), 1);
}

void test_slices() {
  const Array array = Array::empty(Shape{4, 2}, DType::F64);
  const Array slice = array.slice0(1, 3);
  CHECK_EQ(describe(slice.view), "float64[2, 2]");
  CHECK_EQ(slice.view.as<char>() - array.view.as<char>(), 16);
  CHECK(!array.storage->exclusive());
  CHECK_EQ(array.slice0(4, 4).view.size(), 0);
  CHECK_EQ(Array::empty(Shape{0, 2}, DType::F64).slice0(0, 0).view.size(), 0);
  CHECK_THROWS(array.slice0(-1, 2), std::invalid_argument);
  CHECK_THROWS(array.slice0(3, 2), std::invalid_argument);
  CHECK_THROWS(array.slice0(0, 5), std::invalid_argument);
  CHECK_THROWS(Array::empty(Shape{}, DType::F32).slice0(0, 0), std::invalid_argument);
}

void test_copies() {
  const Array array = Array::empty(Shape{3}, DType::I32);
  for (int i = 0; i < 3; ++i) array.view.as<int32_t>()[i] = i;
  const Array copy = Array::copy_of(array.view);
  array.view.as<int32_t>()[2] = 9;
  CHECK_EQ(copy.view.as<int32_t>()[2], 2);
  CHECK(same_type(copy.view, array.view));
  CHECK(!same_type(copy.view, array.reshape(Shape{1, 3}).view));
}

}  // namespace
}  // namespace ckeras

int main() {
  ckeras::test_shapes();
  ckeras::test_refused_shapes();
  ckeras::test_slices();
  ckeras::test_copies();
  return CHECK_RESULT();
}
