#include "ops/conv2d/conv2d.h"

#include <vector>

#include "gemm/reference.h"

namespace ckeras::reference {
namespace {

// body(index in x, index in w, index in y) for every product of the convolution.
template <class Body>
void for_products(const ConvShape& s, const Body& body) {
  for (int64_t n = 0; n < s.n; ++n)
    for (int64_t i = 0; i < s.oh; ++i)
      for (int64_t j = 0; j < s.ow; ++j)
        for (int64_t u = 0; u < s.kh; ++u)
          for (int64_t v = 0; v < s.kw; ++v) {
            const int64_t row = s.row(i, u), column = s.column(j, v);
            if (row < 0 || row >= s.h || column < 0 || column >= s.w) continue;
            for (int64_t g = 0; g < s.groups; ++g)
              for (int64_t c = 0; c < s.cg; ++c)
                for (int64_t o = 0; o < s.og; ++o) {
                  body(((n * s.h + row) * s.w + column) * s.c + g * s.cg + c,
                       ((u * s.kw + v) * s.cg + c) * s.o + g * s.og + o,
                       ((n * s.oh + i) * s.ow + j) * s.o + g * s.og + o);
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

extern const Kernel kernel_conv2d, kernel_conv2d_grad_input, kernel_conv2d_grad_filter;
constinit const Kernel kernel_conv2d = {forward, nullptr, nullptr};
constinit const Kernel kernel_conv2d_grad_input = {grad_input, nullptr, nullptr};
constinit const Kernel kernel_conv2d_grad_filter = {grad_filter, nullptr, nullptr};

}  // namespace ckeras::reference
