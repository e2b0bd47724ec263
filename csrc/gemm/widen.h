// Kernels of halves as kernels of float32: operands are widened into the workspace, results rounded from it. Those
// that are no halves stay as they are.
// Only for .isa.cpp files.
#pragma once
#include "cpu/half.h"
#include "cpu/parallel.h"
#include "gemm/pack.h"
#include "runtime/kernel.h"

namespace ckeras::CKERAS_ISA {
namespace {

inline constexpr int kMaxOperands = 6;

// The call with float32 operands that lie one after the other in the workspace, what is left of it behind them.
struct Widened {
  View in[kMaxOperands], out[kMaxOperands];
  Call call;
  int64_t bytes;  // of the buffers

  explicit Widened(const Call& half) noexcept : call(half), bytes(0) {
    for (int i = 0; i < half.n_in; ++i) in[i] = place(half.in[i], half.workspace);
    for (int i = 0; i < half.n_out; ++i) out[i] = place(half.out[i], half.workspace);
    call.in = in;
    call.out = out;
    call.workspace = static_cast<char*>(half.workspace) + (half.workspace != nullptr ? bytes : 0);
  }

 private:
  View place(const View& view, void* workspace) noexcept {
    if (!is_half(view.dtype)) return view;
    View wide = view;
    wide.dtype = DType::F32;
    wide.data = workspace != nullptr ? static_cast<char*>(workspace) + bytes : nullptr;
    bytes += round_up(wide.nbytes(), 64);
    return wide;
  }
};

inline constexpr int64_t kConvertGrain = 1 << 14;

template <class Load>
void widen(float* to, const uint16_t* from, int64_t n, const Load& load_half, float (*one)(uint16_t)) noexcept {
  parallel_for(n, kConvertGrain, [&](int64_t begin, int64_t end) {
    int64_t i = begin;
    for (; i + 16 <= end; i += 16) load_half(from + i).store(to + i);
    for (; i < end; ++i) to[i] = one(from[i]);
  });
}
template <class Store>
void narrow(uint16_t* to, const float* from, int64_t n, const Store& store_half, uint16_t (*one)(float)) noexcept {
  parallel_for(n, kConvertGrain, [&](int64_t begin, int64_t end) {
    int64_t i = begin;
    for (; i + 16 <= end; i += 16) store_half(to + i, V16::load(from + i));
    for (; i < end; ++i) to[i] = one(from[i]);
  });
}

// The inputs of `call`, widened.
inline void widen_inputs(const Call& call, const Widened& wide) noexcept {
  for (int i = 0; i < call.n_in; ++i) {
    if (!is_half(call.in[i].dtype)) continue;
    const uint16_t* from = call.in[i].as<const uint16_t>();
    float* const to = wide.in[i].as<float>();
    if (call.in[i].dtype == DType::F16) {
      widen(to, from, call.in[i].size(), [](const uint16_t* p) { return load_f16(p); }, f16_to_f32);
    } else {
      widen(to, from, call.in[i].size(), [](const uint16_t* p) { return load_bf16(p); }, bf16_to_f32);
    }
  }
}

// `run_as(call, T{})` and `bytes_as(call, T{})` are the kernel of float and double; halves go through float.
template <class F>
void run_float(const Call& call, const F& run_as) noexcept {
  const DType dtype = call.out[0].dtype;
  if (dtype == DType::F64) return run_as(call, double{});
  if (dtype == DType::F32) return run_as(call, float{});
  const Widened wide(call);
  widen_inputs(call, wide);
  run_as(wide.call, float{});
  for (int i = 0; i < call.n_out; ++i) {
    if (!is_half(call.out[i].dtype)) continue;
    uint16_t* to = call.out[i].as<uint16_t>();
    const float* from = wide.out[i].as<const float>();
    if (dtype == DType::F16) {
      narrow(to, from, call.out[i].size(), [](uint16_t* p, V16 v) { store_f16(p, v); }, f32_to_f16);
    } else {
      narrow(to, from, call.out[i].size(), [](uint16_t* p, V16 v) { store_bf16(p, v); }, f32_to_bf16);
    }
  }
}

template <class F>
int64_t bytes_float(const Call& call, const F& bytes_as) noexcept {
  const DType dtype = call.out[0].dtype;
  if (dtype == DType::F64) return bytes_as(call, double{});
  if (dtype == DType::F32) return bytes_as(call, float{});
  const Widened wide(call);
  return wide.bytes + bytes_as(wide.call, float{});
}

}  // namespace
}  // namespace ckeras::CKERAS_ISA
