// A call on halves as one on float32: arrays of halves get room in the workspace, in front of what the kernel itself
// needs. Only for .isa.cpp files.
#pragma once
#include "cpu/parallel.h"
#include "ops/storage.h"
#include "runtime/kernel.h"

namespace ckeras::CKERAS_ISA {

CKERAS_INLINE bool is_half(const View& view) { return view.dtype == DType::F16 || view.dtype == DType::BF16; }

class Widened {
 public:
  static constexpr int kMost = 12;
  int64_t bytes = 0;  // of the room
  Call call;          // what the kernel sees

  CKERAS_MEMBER explicit Widened(const Call& halves) : call(halves), halves_(halves) {
    for (int i = 0; i < halves.n_in; ++i) in_[i] = wide(halves.in[i]);
    for (int i = 0; i < halves.n_out; ++i) out_[i] = wide(halves.out[i]);
    call.in = in_;
    call.out = out_;
    if (halves.workspace != nullptr) call.workspace = static_cast<char*>(halves.workspace) + bytes;
  }
  Widened(const Widened&) = delete;
  Widened& operator=(const Widened&) = delete;

  CKERAS_MEMBER void read_inputs() const {
    for (int i = 0; i < halves_.n_in; ++i) {
      each_piece(halves_.in[i], in_[i],
                 [](auto s, uint16_t* half, float* wide, int64_t n) { decltype(s)::load(half, n).store(wide, n); });
    }
  }
  CKERAS_MEMBER void write_outputs() const {
    for (int i = 0; i < halves_.n_out; ++i) {
      each_piece(halves_.out[i], out_[i], [](auto s, uint16_t* half, float* wide, int64_t n) {
        decltype(s)::store(half, decltype(s)::V::load(wide, n), n);
      });
    }
  }

 private:
  CKERAS_MEMBER View wide(View view) {
    if (!is_half(view)) return view;
    view.dtype = DType::F32;
    view.data = static_cast<char*>(halves_.workspace) + bytes;
    bytes += round_up(4 * view.size(), 64);
    return view;
  }
  template <class Body>
  CKERAS_MEMBER void each_piece(const View& halves, const View& wide, const Body& body) const {
    if (!is_half(halves)) return;
    with_storage(halves.dtype, [&](auto s) {
      using S = decltype(s);
      if constexpr (S::kHalf) {
        parallel_for(halves.size(), 1 << 14, [&](int64_t begin, int64_t end) {
          for (int64_t i = begin; i < end; i += S::V::kLanes) {
            body(s, halves.as<uint16_t>() + i, wide.as<float>() + i, least(S::V::kLanes, end - i));
          }
        });
      }
    });
  }

  const Call& halves_;
  View in_[kMost], out_[kMost];
};

}  // namespace ckeras::CKERAS_ISA
