// Convolutions of halves and their gradients on tensor cores.
#pragma once
#include "cuda/tile.h"
#include "ops/conv/conv.h"

namespace ckeras::cuda {

// Whether channels and filters of a group are whole vectors of eight, and every array is short enough for 32-bit
// places.
bool conv_fits_tensor_cores(const ConvShape& s);

template <class S>
void conv_halves(Queue& queue, const ConvShape& s, const uint16_t* x, const uint16_t* w, const ResultOf<S>& to,
                 void* workspace);
template <class S>
void conv_halves_to_input(Queue& queue, const ConvShape& s, const uint16_t* dy, const uint16_t* w,
                          const ResultOf<S>& to, void* workspace);
template <class S>
void conv_halves_to_filter(Queue& queue, const ConvShape& s, const uint16_t* x, const uint16_t* dy,
                           const ResultOf<S>& to, void* workspace);

enum class ConvWay : uint8_t { Forward, ToInput, ToFilter };
int64_t conv_halves_workspace(const ConvShape& s, ConvWay way);

}  // namespace ckeras::cuda
