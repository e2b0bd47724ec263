// Attention of halves on tensor cores: heads of up to 128 whole vectors.
#pragma once
#include <initializer_list>

#include "cuda/attention.h"

namespace ckeras::cuda {

// Whether depth and addresses, also those of `others`, are those of whole vectors of eight.
template <class S>
bool fits_tensor_cores(const Heads<S>& h, std::initializer_list<const void*> others) {
  auto places = reinterpret_cast<uintptr_t>(h.q) | reinterpret_cast<uintptr_t>(h.k) | reinterpret_cast<uintptr_t>(h.v);
  for (const void* p : others) places |= reinterpret_cast<uintptr_t>(p);
  return h.depth % 8 == 0 && h.depth <= 128 && places % 16 == 0;
}

template <class S>
void attention_halves(Queue& queue, const Heads<S>& h, uint16_t* y, float* tops, float* totals);
// back.shifts are there.
template <class S>
void attention_grad_halves(Queue& queue, const Heads<S>& h, const Back<S>& back, const Gradients<S>& to);

}  // namespace ckeras::cuda
