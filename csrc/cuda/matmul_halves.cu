#include "cuda/matmul_halves.h"

#include <type_traits>

#include "cuda/tensor_core.h"

namespace ckeras::cuda {

int64_t matmul_halves_workspace(const HalfMatmul& p) {
  return p.fits() ? slices_of_halves(p.rows, p.columns, p.depth, p.batch, nullptr).bytes() : 0;
}

template <class S>
void matmul_halves(Queue& queue, const HalfMatmul& p, const ResultOf<S>& to, void* workspace) {
  const Slices<float> slices = slices_of_halves(p.rows, p.columns, p.depth, p.batch, workspace);
  if (wants_hopper(p)) return matmul_hopper(queue, p, to, slices);
  const auto start = [&](auto deep_x, auto deep_w) {
    constexpr bool kDeepX = decltype(deep_x)::value, kDeepW = decltype(deep_w)::value;
    launch_half_product<kSide>(queue, HalfProduct<S, Matrix<kDeepX>, Matrix<kDeepW>>{
                                          {p.x, p.rows * p.depth, kDeepX ? p.depth : p.rows, p.rows, p.depth},
                                          {p.w, p.depth * p.columns, kDeepW ? p.depth : p.columns, p.columns, p.depth},
                                          to,
                                          p.depth,
                                          slices});
  };
  const auto with_w = [&](auto x) { p.turned_w ? start(x, std::true_type()) : start(x, std::false_type()); };
  p.turned_x ? with_w(std::false_type()) : with_w(std::true_type());
}
template void matmul_halves(Queue&, const HalfMatmul&, const ResultOf<Half<F16Bits>>&, void*);
template void matmul_halves(Queue&, const HalfMatmul&, const ResultOf<Half<BF16Bits>>&, void*);

}  // namespace ckeras::cuda
