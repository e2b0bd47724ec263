// ctc_loss: connectionist temporal classification (A. Graves et al., ICML 2006), in float64 log space.
//
//   in   logp [B, T, C] f32 f64, logarithms of probabilities; labels int32 [B, L]; label lengths, lengths int32 [B]
//   out  loss [B] = -log p(labels[:n] | logp[:t]); grad [B, T, C], its derivative by logp: minus the share of the paths
//        that are at class c at time t
//   ints the blank class
//
// Impossible labels give an infinite loss and a derivative of 0. A label outside [0, C), the blank among the labels, a
// label length outside [0, L] or a length outside [0, T] is a fault: the first is reported and nothing is computed.
//
// States s = 0 ... 2n: blanks at even places, labels at odd ones. A row of states is padded to whole vectors and to
// kCtcPad places that hold -infinity on both sides.
#pragma once
#include "runtime/kernel.h"

namespace ckeras {

inline constexpr int64_t kCtcPad = 8;
inline constexpr int64_t kCtcGroup = 16;  // examples whose rows of states are in memory together

CKERAS_INLINE int64_t ctc_row(int64_t labels) { return (2 * labels + 1 + 7) / 8 * 8 + 2 * kCtcPad; }

CKERAS_INLINE bool ctc_check(const Call& call) {
  const View& logp = call.in[0];
  const int64_t batch = logp.shape[0], times = logp.shape[1], classes = logp.shape[2], most = call.in[1].shape[1];
  const auto* labels = call.in[1].as<const int32_t>();
  const auto refuse = [&](int64_t value, int64_t limit) {
    *call.fault = {1, value, limit};
    return false;
  };
  for (int64_t b = 0; b < batch; ++b) {
    const int64_t n = call.in[2].as<const int32_t>()[b], t = call.in[3].as<const int32_t>()[b];
    if (n < 0 || n > most) return refuse(n, most + 1);
    if (t < 0 || t > times) return refuse(t, times + 1);
    for (int64_t i = 0; i < n; ++i) {
      const int64_t label = labels[b * most + i];
      if (label < 0 || label >= classes || label == call.ints[0]) return refuse(label, classes);
    }
  }
  return true;
}

}  // namespace ckeras
