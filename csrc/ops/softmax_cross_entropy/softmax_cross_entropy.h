// softmax_cross_entropy and its gradient.
//
// softmax_cross_entropy
//   in   logits [R, C] float; labels [R] int32 or int64
//   out  [R]: log(sum(exp(x - max))) - (x[label] - max), halves in float32
// softmax_cross_entropy_grad
//   in   logits, labels, g [R]
//   out  [R, C]: g * (softmax(logits) - one_hot(label))
//   ints of both: the ignored label, whose rows give 0; kNoLabel for none
//
// A label outside [0, C) that is not the ignored one is a fault: the first is reported and nothing is computed.
#pragma once
#include "runtime/kernel.h"

namespace ckeras {

inline constexpr int64_t kNoLabel = -(int64_t{1} << 31);

CKERAS_INLINE int64_t label_at(const View& labels, int64_t i) {
  return labels.dtype == DType::I64 ? labels.as<const int64_t>()[i] : labels.as<const int32_t>()[i];
}
CKERAS_INLINE bool is_ignored(int64_t label, int64_t ignored) { return label == ignored && ignored != kNoLabel; }

// True when every label is a class or the ignored one; otherwise the first that is not becomes the fault.
CKERAS_INLINE bool check_labels(const Call& call) {
  const int64_t rows = call.in[0].shape[0], classes = call.in[0].shape[1];
  for (int64_t r = 0; r < rows; ++r) {
    const int64_t label = label_at(call.in[1], r);
    if ((label < 0 || label >= classes) && !is_ignored(label, call.ints[0])) {
      *call.fault = {1, label, classes};
      return false;
    }
  }
  return true;
}

}  // namespace ckeras
