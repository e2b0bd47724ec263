#include "ops/conv/conv.h"

#include <vector>

#include "gemm/reference.h"

namespace ckeras::reference {
namespace {

// body(index in x, index in w, index in y) for every product of the convolution.
template <class Body>
void for_products(const ConvShape& s, const Body& body) {
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
                const int64_t from = ((n * s.z.size + plane) * s.y.size + row) * s.x.size + column;
                const int64_t tap = (t * s.y.window + u) * s.x.window + v;
                const int64_t to = ((n * s.z.result + h) * s.y.result + i) * s.x.result + j;
                for (int64_t g = 0; g < s.groups; ++g)
                  for (int64_t c = 0; c < s.cg; ++c)
                    for (int64_t o = 0; o < s.og; ++o) {
                      body(from * s.c + g * s.cg + c, (tap * s.cg + c) * s.o + g * s.og + o, to * s.o + g * s.og + o);
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
    for (size_t i = 0; i < sum.size(); ++i) {
      if (call.n_in == 3) sum[i] += call.in[2].as<const T>()[i % s.o].get();
      call.out[0].as<T>()[i].set(activate(sum[i], s.activation));
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
