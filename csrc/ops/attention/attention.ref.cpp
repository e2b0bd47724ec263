#include "ops/attention/attention.h"

#include <cmath>
#include <limits>
#include <type_traits>
#include <vector>

#include "gemm/reference.h"

namespace ckeras::reference {
namespace {

// Of bias, maxima, sums and the gradient of all scores.
template <class T>
using Wide = std::conditional_t<sizeof(T) == 2, Real<float>, T>;

template <class T>
double at(const View& view, int64_t i) {
  return view.as<const T>()[i].get();
}

struct Shape {
  int64_t batch, queries, heads, depth, keys, groups;
  double scale, cap;
  bool causal;
  const View *bias, *mask;

  Shape(const Call& call, int first)
      : batch(call.in[0].shape[0]),
        queries(call.in[0].shape[1]),
        heads(call.in[0].shape[2]),
        depth(call.in[0].shape[3]),
        keys(call.in[1].shape[1]),
        groups(call.in[1].shape[2]),
        scale(call.floats[0]),
        cap(call.floats[1]),
        causal(call.ints[0]),
        bias(call.ints[1] ? call.in + first : nullptr),
        mask(call.ints[2] ? call.in + first + call.ints[1] : nullptr) {}

  int64_t query(int64_t b, int64_t n, int64_t t) const { return ((b * queries + t) * heads + n) * depth; }
  int64_t key(int64_t b, int64_t n, int64_t s) const {
    return ((b * keys + s) * groups + n / (heads / groups)) * depth;
  }
  static int64_t place(const View& view, int64_t b, int64_t n, int64_t t, int64_t s) {
    const int64_t index[] = {b, n, t, s};
    int64_t out = 0;
    for (int d = 0; d < 4; ++d) out = out * view.shape[d] + (view.shape[d] == 1 ? 0 : index[d]);
    return out;
  }
  bool hidden(int64_t b, int64_t n, int64_t t, int64_t s) const {
    return (causal && s > t) || (mask && !mask->as<const uint8_t>()[place(*mask, b, n, t, s)]);
  }
};

template <class T>
double dot(const View& a, int64_t i, const View& b, int64_t j, int64_t n) {
  double sum = 0;
  for (int64_t h = 0; h < n; ++h) sum += at<T>(a, i + h) * at<T>(b, j + h);
  return sum;
}

// c of the header and l, for one query.
template <class T>
void logits(const Call& call, const Shape& shape, int64_t b, int64_t n, int64_t t, std::vector<double>& c,
            std::vector<double>& l) {
  const bool wide = call.in[0].dtype == DType::F64;
  const double least = wide ? -0.7 * 1.7e308 : static_cast<float>(-0.7 * 3.4028234663852886e38);
  for (int64_t s = 0; s < shape.keys; ++s) {
    c[s] = shape.scale * dot<T>(call.in[0], shape.query(b, n, t), call.in[1], shape.key(b, n, s), shape.depth);
    if (shape.cap != 0) c[s] = shape.cap * std::tanh(c[s] / shape.cap);
    l[s] = c[s] + (shape.bias ? at<Wide<T>>(*shape.bias, Shape::place(*shape.bias, b, n, t, s)) : 0);
    if (shape.hidden(b, n, t, s)) l[s] = least;
  }
}

template <class Body>
void each_query(const Shape& shape, const Body& body) {
  for (int64_t b = 0; b < shape.batch; ++b) {
    for (int64_t n = 0; n < shape.heads; ++n) {
      for (int64_t t = 0; t < shape.queries; ++t) body(b, n, t, (b * shape.heads + n) * shape.queries + t);
    }
  }
}

void attention(const Call& call) noexcept {
  const Shape shape(call, 3);
  with_float(call.in[0].dtype, [&](auto e) {
    using T = decltype(e);
    std::vector<double> c(shape.keys), l(shape.keys);
    each_query(shape, [&](int64_t b, int64_t n, int64_t t, int64_t row) {
      logits<T>(call, shape, b, n, t, c, l);
      double top = -std::numeric_limits<double>::infinity(), total = 0;
      for (double x : l) top = x > top || std::isnan(x) ? x : top;
      for (double x : l) total += std::exp(x - top);
      call.out[1].as<Wide<T>>()[row].set(top);
      call.out[2].as<Wide<T>>()[row].set(total);
      for (int64_t h = 0; h < shape.depth; ++h) {
        double y = 0;
        for (int64_t s = 0; s < shape.keys; ++s) {
          y += std::exp(l[s] - top) / total * at<T>(call.in[2], shape.key(b, n, s) + h);
        }
        call.out[0].as<T>()[shape.query(b, n, t) + h].set(y);
      }
    });
  });
}

void attention_grad(const Call& call) noexcept {
  const Shape shape(call, 7);
  with_float(call.in[0].dtype, [&](auto e) {
    using T = decltype(e);
    std::vector<double> c(shape.keys), l(shape.keys), dq(call.out[0].size()), dk(call.out[1].size()),
        dv(call.out[2].size());
    each_query(shape, [&](int64_t b, int64_t n, int64_t t, int64_t row) {
      logits<T>(call, shape, b, n, t, c, l);
      const int64_t query = shape.query(b, n, t);
      const double shift = dot<T>(call.in[3], query, call.in[4], query, shape.depth);
      for (int64_t s = 0; s < shape.keys; ++s) {
        const int64_t key = shape.key(b, n, s);
        const double p = std::exp(l[s] - at<Wide<T>>(call.in[5], row)) / at<Wide<T>>(call.in[6], row);
        const double across = dot<T>(call.in[4], query, call.in[2], key, shape.depth) - shift;
        const double dl = shape.hidden(b, n, t, s) ? 0 : p * across;
        const double slope = shape.cap != 0 ? 1 - c[s] / shape.cap * (c[s] / shape.cap) : 1;
        if (call.n_out == 4) call.out[3].as<Wide<T>>()[row * shape.keys + s].set(dl);
        for (int64_t h = 0; h < shape.depth; ++h) {
          dv[key + h] += p * at<T>(call.in[4], query + h);
          dq[query + h] += dl * slope * shape.scale * at<T>(call.in[1], key + h);
          dk[key + h] += dl * slope * shape.scale * at<T>(call.in[0], query + h);
        }
      }
    });
    const std::vector<double>* sums[] = {&dq, &dk, &dv};
    for (int o = 0; o < 3; ++o) {
      for (size_t i = 0; i < sums[o]->size(); ++i) call.out[o].as<T>()[i].set((*sums[o])[i]);
    }
  });
}

}  // namespace

extern const Kernel kernel_attention, kernel_attention_grad;
constinit const Kernel kernel_attention = {attention, nullptr, nullptr};
constinit const Kernel kernel_attention_grad = {attention_grad, nullptr, nullptr};

}  // namespace ckeras::reference
