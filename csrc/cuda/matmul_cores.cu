#include "cuda/matmul_cores.h"

#include <type_traits>

#include "cuda/tensor_core.h"

namespace ckeras::cuda {

template <class E>
int64_t CoreMatmul<E>::workspace() const {
  return fits() ? core_slices(rows, columns, depth, batch, nullptr).bytes() : 0;
}
template struct CoreMatmul<uint16_t>;
template struct CoreMatmul<float>;

template <class S>
void matmul_cores(Queue& queue, const CoreMatmul<typename S::Element>& p, const ResultOf<S>& to, void* workspace) {
  using E = typename S::Element;
  const Slices<float> slices = core_slices(p.rows, p.columns, p.depth, p.batch, workspace);
  if constexpr (S::kHalf) {
    if (wants_hopper(p)) return matmul_hopper(queue, p, to, slices);
  }
  const auto start = [&](auto deep_x, auto deep_w) {
    constexpr bool kDeepX = decltype(deep_x)::value, kDeepW = decltype(deep_w)::value;
    launch_core_product<kSide>(queue, CoreProduct<S, Matrix<E, kDeepX>, Matrix<E, kDeepW>>{
                                          {p.x, p.rows * p.depth, kDeepX ? p.depth : p.rows, p.rows, p.depth},
                                          {p.w, p.depth * p.columns, kDeepW ? p.depth : p.columns, p.columns, p.depth},
                                          to,
                                          p.depth,
                                          slices});
  };
  const auto with_w = [&](auto x) { p.turned_w ? start(x, std::true_type()) : start(x, std::false_type()); };
  p.turned_x ? with_w(std::false_type()) : with_w(std::true_type());
}
template void matmul_cores(Queue&, const HalfMatmul&, const ResultOf<Half<F16Bits>>&, void*);
template void matmul_cores(Queue&, const HalfMatmul&, const ResultOf<Half<BF16Bits>>&, void*);
template void matmul_cores(Queue&, const CoreMatmul<float>&, const ResultOf<Plain<float>>&, void*);

}  // namespace ckeras::cuda
