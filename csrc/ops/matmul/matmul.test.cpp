// matmul against its reference on adversarial shapes, and large products by random projection.
#include "gemm/testing.h"

using namespace ckeras;
using namespace ckeras::testing;

namespace {

void check_shape(DType dtype, int64_t batch, int64_t m, int64_t k, int64_t n, int transpose_a, int transpose_b,
                 bool bias, int64_t activation, bool residual = false) {
  auto shape = [&](int64_t rows, int64_t columns) {
    return batch > 0 ? std::vector<int64_t>{batch, rows, columns} : std::vector<int64_t>{rows, columns};
  };
  const Array a = random_array(dtype, transpose_a ? shape(k, m) : shape(m, k), 1);
  const Array b = random_array(dtype, transpose_b ? shape(n, k) : shape(k, n), 2);
  const Array add = random_array(dtype, {n}, 3), rest = random_array(dtype, shape(m, n), 4);
  std::vector<const Array*> in = {&a, &b};
  if (bias) in.push_back(&add);
  if (residual) in.push_back(&rest);
  std::string what = std::string(name_of(dtype));
  for (int64_t value :
       {batch, m, k, n, int64_t{transpose_a}, int64_t{transpose_b}, int64_t{bias}, activation, int64_t{residual}}) {
    what += ' ' + std::to_string(value);
  }
  // Halves round before each step of the ending: the sum, whose size is about sqrt(k), and what is added to it.
  const bool steps = (dtype == DType::F16 || dtype == DType::BF16) && (bias || activation != 0 || residual);
  const double slack = steps ? epsilon(dtype) * (1 + std::sqrt(static_cast<double>(k))) : 0;
  check_op(what, "matmul", in, dtype, shape(m, n), {transpose_a, transpose_b, activation, residual}, k, slack);
}

// Products around the least normal number, denormal operands and an odd K: where a tile of pairs could round otherwise.
void check_tiny(DType dtype, int64_t k) {
  Array a = random_array(dtype, {29, k}, 5), b = random_array(dtype, {k, 40}, 6);
  for (int64_t i = 0; i < a.view.size(); ++i) a.set(i, a.at(i) * (i % 7 == 0 ? 0x1p-127 : 0x1p-63));
  for (int64_t i = 0; i < b.view.size(); ++i) b.set(i, b.at(i) * (i % 5 == 0 ? 1 : 0x1p-63));
  check_op("tiny " + std::to_string(k), "matmul", {&a, &b}, dtype, {29, 40}, {0, 0, 0, 0}, k);
}

// (A B) v = A (B v), in float64.
void check_by_projection(cpu::Isa isa, int64_t m, int64_t k, int64_t n) {
  const Array a = random_array(DType::F32, {m, k}, 1), b = random_array(DType::F32, {k, n}, 2);
  const Array v = random_array(DType::F32, {n}, 3);
  const Array c = run(isa, "matmul", {&a, &b}, DType::F32, {m, n}, {0, 0, 0, 0});
  auto apply = [](const Array& matrix, const std::vector<double>& x, int64_t rows) {
    std::vector<double> y(rows);
    const float* p = matrix.view.as<const float>();
    for (int64_t i = 0; i < rows; ++i)
      for (size_t j = 0; j < x.size(); ++j) y[i] += static_cast<double>(*p++) * x[j];
    return y;
  };
  std::vector<double> x(n);
  for (int64_t j = 0; j < n; ++j) x[j] = v.at(j);
  const std::vector<double> got = apply(c, x, m), expected = apply(a, apply(b, x, k), m);
  const double scale = std::sqrt(static_cast<double>(n) * static_cast<double>(k));
  for (int64_t i = 0; i < m; ++i) CHECK_NEAR(got[i], expected[i], 16 * 0x1p-23 * scale);
}

}  // namespace

int main() {
  const DType dtypes[] = {DType::F32, DType::F64, DType::BF16, DType::F16};
  // All shapes of a few sizes around tiles and lanes, every transposition.
  const int64_t sizes[] = {0, 1, 3, 7, 16, 17, 33};
  for (int64_t m : sizes)
    for (int64_t n : sizes)
      for (int64_t k : {0, 1, 5, 31})
        for (int t = 0; t < 4; ++t)
          check_shape(DType::F32, 0, m, k, n, t & 1, t >> 1, (m + n) % 2 != 0, 0, (m + k) % 2 != 0);
  // Tiles +- 1, K around its block, several strips, with every ending.
  const int64_t shapes[][3] = {
      {5, 255, 15},   {6, 256, 16},    {13, 257, 31},  {14, 511, 32},  {15, 513, 33},  {29, 769, 47},
      {1, 300, 130},  {1, 1100, 1541}, {2, 1025, 65},  {3, 64, 131},   {4, 20, 63},    {8, 20, 32},
      {97, 300, 67},  {145, 260, 49},  {289, 70, 100}, {32, 64, 257},  {1, 261, 4103}, {40, 300, 1},
      {1033, 77, 3},  {64, 290, 4},    {5, 530, 900},  {70, 40, 10},   {130, 33, 20},  {700, 40, 70},
      {400, 4100, 9}, {390, 4097, 50}, {4200, 40, 1},  {1, 1030, 300}, {1, 2048, 150}, {2048, 260, 24},
      {9, 2048, 40},  {24, 300, 400},  {26, 257, 405}, {47, 256, 130}, {7, 700, 1},    {2, 300, 1},
      {17, 31, 1},    {640, 2, 100},   {300, 30, 90},  {6, 300, 61},   {12, 40, 75},   {410, 70, 200}};
  int64_t turn = 0;
  for (const auto& s : shapes)
    for (DType dtype : dtypes)
      for (int t = 0; t < 4; ++t, ++turn)
        check_shape(dtype, 0, s[0], s[1], s[2], t & 1, t >> 1, turn % 3 != 0, turn / 5 % 5, turn % 5 < 2);
  // Batches: small ones side by side, large ones in turn.
  for (DType dtype : dtypes)
    for (int t = 0; t < 4; ++t) {
      check_shape(dtype, 5, 7, 9, 11, t & 1, t >> 1, true, 1);
      check_shape(dtype, 5, 7, 9, 11, t & 1, t >> 1, t == 2, t, true);
      check_shape(dtype, 40, 33, 40, 50, t & 1, t >> 1, false, 0);
      check_shape(dtype, 90, 41, 5, 6, t & 1, t >> 1, false, 0);
      check_shape(dtype, 60, 3, 40, 1, t & 1, t >> 1, true, 1);
      check_shape(dtype, 70, 2, 70, 28, t & 1, t >> 1, t == 1, 0);
      for (const int64_t n : {1, 5, 16, 20, 60, 100, 129}) check_shape(dtype, 21, 1, 70, n, t & 1, t >> 1, t == 0, t);
      check_shape(dtype, 11, 3, 530, 21, t & 1, t >> 1, t == 0, 0, true);
      check_shape(dtype, 9, 1, 0, 21, t & 1, t >> 1, true, 1);
    }
  check_shape(DType::F32, 2, 200, 300, 100, 0, 0, true, 3);
  // Without bias and residual, as bfloat16 goes by pairs; every transposition and edge.
  for (const auto& s : shapes)
    for (int t = 0; t < 4; ++t, ++turn) check_shape(DType::BF16, 0, s[0], s[1], s[2], t & 1, t >> 1, false, turn % 5);
  for (int64_t k : {1, 2, 5, 37, 300}) check_tiny(DType::BF16, k);
  for (cpu::Isa isa : cpu::supported_isas()) {
    if (isa == cpu::Isa::Reference) continue;
    cpu::set_num_threads(2);
    check_by_projection(isa, 40, 1100, 2500);
    if (!kEmulated) check_by_projection(isa, 700, 1300, 900);
    check_by_projection(isa, 5000, 300, 20);
  }
  return CHECK_RESULT();
}
