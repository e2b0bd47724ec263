#include "ops/updates/scaled.h"

#include <cmath>
#include <vector>

#include "ops/reference.h"

namespace ckeras::reference {
namespace {

std::vector<double> values(const View& view) {
  std::vector<double> x(static_cast<size_t>(view.size()));
  with_float(view.dtype, [&](auto t) {
    for (size_t i = 0; i < x.size(); ++i) x[i] = view.as<const decltype(t)>()[i].get();
  });
  return x;
}
// Stores `x` and gives it as stored.
std::vector<double> stored(const View& view, const std::vector<double>& x) {
  with_float(view.dtype, [&](auto t) {
    for (size_t i = 0; i < x.size(); ++i) view.as<decltype(t)>()[i].set(x[i]);
  });
  return values(view);
}
double length(const std::vector<double>& x) {
  double sum = 0;
  for (double v : x) sum += v * v;
  return std::sqrt(sum);
}
double rms(const std::vector<double>& x) { return length(x) / std::sqrt(static_cast<double>(x.size())); }

void lamb_update(const Call& call) noexcept {
  const double lr = values(call.in[0])[0], k1 = values(call.in[1])[0], k2 = values(call.in[2])[0];
  for (int i = 0; i < call.n_out / 3; ++i) {
    const View *in = call.in + 3 + 4 * i, *out = call.out + 3 * i;
    std::vector<double> p = values(in[0]), g = values(in[1]), m = values(in[2]), v = values(in[3]), r(p.size());
    for (size_t j = 0; j < p.size(); ++j) {
      m[j] += (g[j] - m[j]) * call.floats[0];
      v[j] += (g[j] * g[j] - v[j]) * call.floats[1];
    }
    m = stored(out[1], m);
    v = stored(out[2], v);
    for (size_t j = 0; j < p.size(); ++j) r[j] = m[j] / k1 / (std::sqrt(v[j] / k2) + call.floats[2]);
    const double a = length(p), b = length(r), ratio = a > 0 && b > 0 ? a / b : 1;
    for (size_t j = 0; j < p.size(); ++j) p[j] -= lr * ratio * r[j];
    stored(out[0], p);
  }
}

void adafactor_update(const Call& call) noexcept {
  const double rate = values(call.in[0])[0], kept = values(call.in[1])[0];
  const auto move = [&](double& slot, double value) { slot = slot * kept + value * (1 - kept); };
  for (int i = 0; i < call.n_out / 4; ++i) {
    const View *in = call.in + 2 + 5 * i, *out = call.out + 4 * i;
    std::vector<double> p = values(in[0]), g = values(in[1]), rows = values(in[2]), columns = values(in[3]);
    std::vector<double> squares = values(in[4]), square(p.size()), step(p.size());
    for (size_t j = 0; j < p.size(); ++j) square[j] = g[j] * g[j] + call.floats[0];
    if (in[0].rank < 2) {
      for (size_t j = 0; j < p.size(); ++j) move(squares[j], square[j]);
      stored(out[1], rows);
      stored(out[2], columns);
    } else {
      const auto wide = static_cast<size_t>(in[0].shape[in[0].rank - 1]);
      const auto high = static_cast<size_t>(in[0].shape[in[0].rank - 2]);
      for (size_t r = 0; r < rows.size(); ++r) {
        double sum = 0;
        for (size_t c = 0; c < wide; ++c) sum += square[r * wide + c];
        move(rows[r], sum / static_cast<double>(wide));
      }
      for (size_t c = 0; c < columns.size(); ++c) {
        double sum = 0;
        for (size_t r = 0; r < high; ++r) sum += square[(c / wide * high + r) * wide + c % wide];
        move(columns[c], sum / static_cast<double>(high));
      }
      rows = stored(out[1], rows);
      columns = stored(out[2], columns);
      for (size_t j = 0; j < p.size(); ++j) {
        const size_t row = j / wide, stack = row / high;
        double sum = 0;
        for (size_t r = 0; r < high; ++r) sum += rows[stack * high + r];
        squares[j] = rows[row] / (sum / static_cast<double>(high)) * columns[stack * wide + j % wide];
      }
    }
    squares = stored(out[3], squares);
    for (size_t j = 0; j < p.size(); ++j) step[j] = g[j] / std::sqrt(squares[j]);
    const double over = std::fmax(rms(step) / call.floats[2], 1), factor = rate * std::fmax(rms(p), call.floats[1]);
    for (size_t j = 0; j < p.size(); ++j) p[j] -= step[j] / over * factor;
    stored(out[0], p);
  }
}

// a [rows, inner] times b [inner, columns]; element (i, j) of an operand is x[i * step + j * stride].
struct Strided {
  const std::vector<double>& x;
  size_t step, stride;
};
std::vector<double> product(Strided a, Strided b, size_t rows, size_t inner, size_t columns) {
  std::vector<double> c(rows * columns);
  for (size_t i = 0; i < rows; ++i)
    for (size_t j = 0; j < columns; ++j)
      for (size_t k = 0; k < inner; ++k)
        c[i * columns + j] += a.x[i * a.step + k * a.stride] * b.x[k * b.step + j * b.stride];
  return c;
}

void muon_update(const Call& call) noexcept {
  const double lr = values(call.in[0])[0];
  for (int i = 0; i < call.n_out / 2; ++i) {
    const View *in = call.in + 1 + 3 * i, *out = call.out + 2 * i;
    const auto rows = static_cast<size_t>(in[0].shape[0]), columns = static_cast<size_t>(in[0].shape[1]);
    const bool tall = rows > columns;
    const size_t side = tall ? columns : rows, longer = tall ? rows : columns;
    std::vector<double> p = values(in[0]), g = values(in[1]), m = values(in[2]);
    for (size_t j = 0; j < p.size(); ++j) m[j] = m[j] * call.floats[0] + g[j];
    m = stored(out[1], m);
    std::vector<double> way = m, x(p.size());
    if (call.ints[0]) {
      for (size_t j = 0; j < p.size(); ++j) way[j] = g[j] + m[j] * call.floats[0];
    }
    const double norm = length(way) + 1e-7;
    for (size_t r = 0; r < rows; ++r) {  // x is [side, longer]
      for (size_t c = 0; c < columns; ++c) x[tall ? c * rows + r : r * columns + c] = way[r * columns + c] / norm;
    }
    for (int64_t turn = 0; turn < call.ints[1]; ++turn) {
      const std::vector<double> a = product({x, longer, 1}, {x, 1, longer}, side, longer, side);
      std::vector<double> b = product({a, side, 1}, {a, side, 1}, side, side, side);
      for (size_t j = 0; j < b.size(); ++j) b[j] = call.floats[2] * a[j] + call.floats[3] * b[j];
      const std::vector<double> more = product({b, side, 1}, {x, longer, 1}, side, side, longer);
      for (size_t j = 0; j < x.size(); ++j) x[j] = call.floats[1] * x[j] + more[j];
    }
    const double scale = call.ints[2] ? call.floats[4] * std::sqrt(static_cast<double>(longer)) : 1;
    for (size_t r = 0; r < rows; ++r) {
      for (size_t c = 0; c < columns; ++c) {
        p[r * columns + c] -= lr * scale * x[tall ? c * rows + r : r * columns + c];
      }
    }
    stored(out[0], p);
  }
}

}  // namespace

extern const Kernel kernel_lamb_update, kernel_adafactor_update, kernel_muon_update;
constinit const Kernel kernel_lamb_update = {lamb_update, nullptr, nullptr};
constinit const Kernel kernel_adafactor_update = {adafactor_update, nullptr, nullptr};
constinit const Kernel kernel_muon_update = {muon_update, nullptr, nullptr};

}  // namespace ckeras::reference
