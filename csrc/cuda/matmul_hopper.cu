// Matrix products of halves by wgmma: a block has 128 x 128 results, two warp groups 64 rows each; one thread of a
// third has the copy engine bring panels of 64 of the depth, kStages ahead. Compiled for sm_90a alone.
#include "cuda/matmul_cores.h"

#include "cuda/hopper.h"

namespace ckeras::cuda {
namespace {

constexpr int kSide = 128, kPanelDepth = kSwizzled / 2, kStages = 5, kConsumers = 2;
constexpr int kThreads = (1 + kConsumers) * kGroup;
constexpr int kPanelBytes = kSide * kSwizzled, kHalfBytes = kPanelBytes / 2;
constexpr int kAlignment = 1024;  // of a panel: the swizzle goes by addresses
constexpr int64_t kBytes = int64_t{kStages} * 2 * kPanelBytes + kAlignment;

template <class S>
struct Product {
  ResultOf<S> to;
  int64_t depth;
  Slices<float> slices;
};
struct Barriers {
  uint64_t full[kStages], empty[kStages];
};

// A panel is two boxes of 64 by 64: halves of its own index.
template <bool kDeep>
__device__ void load_panel(unsigned char* to, const TensorMap& map, int64_t batch, int64_t i, int64_t k,
                           uint64_t* barrier) {
  for (int half = 0; half < 2; ++half) {
    const int64_t at = i + half * (kSide / 2);
    copy_box(to + half * kHalfBytes, map, kDeep ? k : at, kDeep ? at : k, batch, barrier);
  }
}
// 16 of the depth, from own index 0 or 64 on.
template <bool kDeep>
__device__ uint64_t operand(const unsigned char* panel, int half, int k) {
  const uint32_t address = shared_address(panel) + static_cast<uint32_t>(half * kHalfBytes);
  return operand_at(address + static_cast<uint32_t>(kDeep ? 2 * k : k * kSwizzled), kHalfBytes, 8 * kSwizzled);
}

template <class S, bool kDeepX, bool kDeepW>
__global__ void __launch_bounds__(kThreads, 1)
    hopper_kernel(const __grid_constant__ TensorMap x, const __grid_constant__ TensorMap w,
                  const __grid_constant__ Product<S> p) {
  CKERAS_DYNAMIC_SHARED(unsigned char, memory);
  CKERAS_SHARED(Barriers, barriers);
  unsigned char* const panels = memory + (kAlignment - shared_address(memory) % kAlignment) % kAlignment;
  if (threadIdx.x == 0) {
    for (int s = 0; s < kStages; ++s) {
      make_barrier(&barriers.full[s], 1);
      make_barrier(&barriers.empty[s], kConsumers * kGroup / kWarp);
    }
    publish_barriers();
  }
  __syncthreads();
  const Slices<float>& s = p.slices;
  const int64_t down = ceil_div(s.rows, kSide), across = ceil_div(s.columns, kSide), tile = blockIdx.x;
  const int64_t m0 = tile / across % down * kSide, n0 = tile % across * kSide;
  const int64_t batch = tile / (down * across) % s.batch, slice = tile / (down * across) / s.batch;
  const int64_t all_pieces = ceil_div(p.depth, kPanelDepth), slice_pieces = ceil_div(all_pieces, s.count);
  const int64_t begin = slice * slice_pieces, pieces = least(slice_pieces, all_pieces - begin);
  const int group = static_cast<int>(threadIdx.x) / kGroup;
  if (group == 0) {
    if (threadIdx.x != 0) return;
    for (int64_t piece = 0; piece < pieces; ++piece) {
      const int64_t stage = piece % kStages, k = (begin + piece) * kPanelDepth;
      unsigned char* to = panels + stage * 2 * kPanelBytes;
      wait_for_phase(&barriers.empty[stage], (piece / kStages + 1) % 2);  // the first round at once
      arrive_expecting(&barriers.full[stage], 2 * kPanelBytes);
      load_panel<kDeepX>(to, x, batch, m0, k, &barriers.full[stage]);
      load_panel<kDeepW>(to + kPanelBytes, w, batch, n0, k, &barriers.full[stage]);
    }
    return;
  }
  float sum[kSide / 2] = {};
  const int lane = static_cast<int>(threadIdx.x) % kWarp, warp = static_cast<int>(threadIdx.x) / kWarp % 4;
  const auto leave = [&](int64_t piece) {
    if (lane == 0) arrive(&barriers.empty[piece % kStages]);
  };
  for (int64_t piece = 0; piece < pieces; ++piece) {
    const unsigned char* from = panels + piece % kStages * 2 * kPanelBytes;
    wait_for_phase(&barriers.full[piece % kStages], piece / kStages % 2);
    begin_products();
    CKERAS_UNROLL
    for (int k = 0; k < kPanelDepth; k += 16) {
      multiply_group<S, !kDeepX, !kDeepW>(sum, operand<kDeepX>(from, group - 1, k),
                                          operand<kDeepW>(from + kPanelBytes, 0, k));
    }
    end_products();
    wait_for_products<1>();
    if (piece > 0) leave(piece - 1);
  }
  wait_for_products<0>();
  CKERAS_UNROLL
  for (int i = 0; i < kSide / 2; i += 2) {
    const int64_t m = m0 + (group - 1) * (kSide / 2) + 16 * warp + lane / 4 + i / 2 % 2 * 8;
    const int64_t n = n0 + i / 4 * 8 + 2 * (lane % 4);
    if (m < s.rows && n < s.columns) end_pair(p, slice, batch, m, n, sum[i], sum[i + 1]);
  }
}

// [batch, rows, columns] in boxes of 64 by 64; an error when the driver refuses.
int describe(TensorMap* map, const uint16_t* data, int64_t batch, int64_t rows, int64_t columns) {
#if defined(__CUDACC__)
  static const auto encode = [] {
    void* found = nullptr;
    cudaDriverEntryPointQueryResult result;
    const cudaError_t error =
        cudaGetDriverEntryPointByVersion("cuTensorMapEncodeTiled", &found, 12000, cudaEnableDefault, &result);
    return error == cudaSuccess && result == cudaDriverEntryPointSuccess
               ? reinterpret_cast<decltype(&cuTensorMapEncodeTiled)>(found)
               : nullptr;
  }();
  if (encode == nullptr) return cudaErrorNotSupported;
  const auto size = [](int64_t n) { return static_cast<cuuint64_t>(n); };
  const cuuint64_t sizes[] = {size(columns), size(rows), size(batch)};
  const cuuint64_t steps[] = {size(2 * columns), size(2 * rows * columns)};
  const cuuint32_t box[] = {kPanelDepth, kSide / 2, 1}, every[] = {1, 1, 1};
  const CUresult result = encode(map, CU_TENSOR_MAP_DATA_TYPE_UINT16, 3, const_cast<uint16_t*>(data), sizes, steps, box,
                                 every, CU_TENSOR_MAP_INTERLEAVE_NONE, CU_TENSOR_MAP_SWIZZLE_128B,
                                 CU_TENSOR_MAP_L2_PROMOTION_L2_256B, CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  return result == CUDA_SUCCESS ? 0 : cudaErrorInvalidValue;
#else
  *map = {data, {columns, rows, batch}, {kPanelDepth, kSide / 2, 1}};
  return 0;
#endif
}

bool is_hopper() {
#if defined(__CUDACC__)
  int device = 0, major = 0, minor = 0;
  return cudaGetDevice(&device) == cudaSuccess &&
         cudaDeviceGetAttribute(&major, cudaDevAttrComputeCapabilityMajor, device) == cudaSuccess &&
         cudaDeviceGetAttribute(&minor, cudaDevAttrComputeCapabilityMinor, device) == cudaSuccess && major == 9 &&
         minor == 0;
#else
  return true;
#endif
}

}  // namespace

bool wants_hopper(const HalfMatmul& p) {
  constexpr int64_t kMost = int64_t{1} << 31;
  return asked_for("CKERAS_CUDA_WGMMA", false) && p.depth > 0 && p.rows < kMost && p.columns < kMost &&
         p.depth < kMost && p.batch < kMost && is_hopper();
}

template <class S>
void matmul_hopper(Queue& queue, const HalfMatmul& p, const ResultOf<S>& to, const Slices<float>& slices) {
  const int64_t tiles = ceil_div(p.rows, kSide) * ceil_div(p.columns, kSide) * p.batch * slices.count;
  if (tiles == 0 || queue.error != 0) return;
  TensorMap x, w;
  queue.error = describe(&x, p.x, p.batch, p.turned_x ? p.depth : p.rows, p.turned_x ? p.rows : p.depth);
  if (queue.error == 0) {
    queue.error = describe(&w, p.w, p.batch, p.turned_w ? p.columns : p.depth, p.turned_w ? p.depth : p.columns);
  }
  const auto start = [&](auto deep_x, auto deep_w) {
    launch(queue, {static_cast<unsigned>(tiles)}, {kThreads}, kBytes,
           hopper_kernel<S, decltype(deep_x)::value, decltype(deep_w)::value>, x, w, Product<S>{to, p.depth, slices});
  };
  const auto with_w = [&](auto x_way) {
    p.turned_w ? start(x_way, std::true_type()) : start(x_way, std::false_type());
  };
  p.turned_x ? with_w(std::false_type()) : with_w(std::true_type());
  add_slices(queue, slices, to);
}
template void matmul_hopper(Queue&, const HalfMatmul&, const ResultOf<Half<F16Bits>>&, const Slices<float>&);
template void matmul_hopper(Queue&, const HalfMatmul&, const ResultOf<Half<BF16Bits>>&, const Slices<float>&);

}  // namespace ckeras::cuda
