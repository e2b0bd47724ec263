#include "ops/conv/conv.h"

#include <vector>

#include "gemm/reference.h"

namespace ckeras::reference {
namespace {

// Channel c of `channels` of one of an image's pixels.
int64_t element(bool first, int64_t image, int64_t pixels, int64_t pixel, int64_t channels, int64_t c) {
  return first ? (image * channels + c) * pixels + pixel : (image * pixels + pixel) * channels + c;
}

// body(index in x, index in w, index in y) for every product of the convolution.
template <class Body>
void for_products(const ConvShape& s, const Body& body) {
  const int64_t pixels = s.z.size * s.y.size * s.x.size;
  const auto inside = [](const Dim& d, int64_t place) { return place >= 0 && place < d.size; };
  for (int64_t n = 0; n < s.n; ++n)
    for (int64_t h = 0; h < s.z.result; ++h)
      for (int64_t i = 0; i < s.y.result; ++i)
        for (int64_t j = 0; j < s.x.result; ++j)
          for (int64_t t = 0; t < s.z.window; ++t)
            for (int64_t u = 0; u < s.y.window; ++u)
              for (int64_t v = 0; v < s.x.window; ++v) {
                const int64_t plane = s.z.place(h, t), row = s.y.place(i, u), column = s.x.place(j, v);
                if (!inside(s.z, plane) || !inside(s.y, row) || !inside(s.x, column)) continue;
                const int64_t from = (plane * s.y.size + row) * s.x.size + column;
                const int64_t tap = (t * s.y.window + u) * s.x.window + v;
                const int64_t to = (h * s.y.result + i) * s.x.result + j;
                for (int64_t g = 0; g < s.groups; ++g)
                  for (int64_t c = 0; c < s.cg; ++c)
                    for (int64_t o = 0; o < s.og; ++o) {
                      body(element(s.layout & kXFirst, n, pixels, from, s.c, g * s.cg + c),
                           (tap * s.cg + c) * s.o + g * s.og + o,
                           element(s.layout & kYFirst, n, s.results() / s.n, to, s.o, g * s.og + o));
                    }
              }
}

void forward(const Call& call) noexcept {
  with_float(call.out[0].dtype, [&](auto t) {
    using T = decltype(t);
    const ConvShape s = conv_shape(call.in[0], call.in[1], call.out[0], call.ints);
    const T* x = call.in[0].as<const T>();
    const T* w = call.in[1].as<const T>();
    std::vector<double> sum(call.out[0].size());
    for_products(s, [&](int64_t ix, int64_t iw, int64_t iy) { sum[iy] += x[ix].get() * w[iw].get(); });
    const ConvEnds ends(call);
    const auto at = [](const View* v, int64_t i) { return v->as<const T>()[i].get(); };
    for (size_t i = 0; i < sum.size(); ++i) {
      const int64_t pixels = s.results() / s.n, place = static_cast<int64_t>(i);
      const int64_t filter = (s.layout & kYFirst) != 0 ? place / pixels % s.o : place % s.o;
      if (ends.bias != nullptr) sum[i] += at(ends.bias, filter);
      if (ends.scale != nullptr) sum[i] = sum[i] * at(ends.scale, filter) + at(ends.shift, filter);
      if (ends.residual != nullptr) sum[i] += at(ends.residual, place);
      call.out[0].as<T>()[i].set(activate(sum[i], static_cast<int64_t>(s.activation)));
    }
  });
}

void grad_input(const Call& call) noexcept {
  with_float(call.out[0].dtype, [&](auto t) {
    using T = decltype(t);
    const T* dy = call.in[0].as<const T>();
    const T* w = call.in[1].as<const T>();
    std::vector<double> sum(call.out[0].size());
    for_products(conv_shape(call.out[0], call.in[1], call.in[0], call.ints),
                 [&](int64_t ix, int64_t iw, int64_t iy) { sum[ix] += dy[iy].get() * w[iw].get(); });
    for (size_t i = 0; i < sum.size(); ++i) call.out[0].as<T>()[i].set(sum[i]);
  });
}

void grad_filter(const Call& call) noexcept {
  with_float(call.out[0].dtype, [&](auto t) {
    using T = decltype(t);
    const T* x = call.in[0].as<const T>();
    const T* dy = call.in[1].as<const T>();
    std::vector<double> sum(call.out[0].size());
    for_products(conv_shape(call.in[0], call.out[0], call.in[1], call.ints),
                 [&](int64_t ix, int64_t iw, int64_t iy) { sum[iw] += x[ix].get() * dy[iy].get(); });
    for (size_t i = 0; i < sum.size(); ++i) call.out[0].as<T>()[i].set(sum[i]);
  });
}

}  // namespace

extern const Kernel kernel_conv, kernel_conv_grad_input, kernel_conv_grad_filter;
constinit const Kernel kernel_conv = {forward, nullptr, nullptr};
constinit const Kernel kernel_conv_grad_input = {grad_input, nullptr, nullptr};
constinit const Kernel kernel_conv_grad_filter = {grad_filter, nullptr, nullptr};

}  // namespace ckeras::reference
