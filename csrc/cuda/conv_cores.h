// Convolutions and their gradients on tensor cores: of halves, and on request of float32.
#pragma once
#include "cuda/tile.h"
#include "ops/conv/conv.h"

namespace ckeras::cuda {

enum class ConvWay : uint8_t { Forward, ToInput, ToFilter };

// Whether the filters of a group are whole vectors of 16 bytes, its channels too unless they can be gathered one by one
// (of halves; what the gradient to the input gives may be any), and every array is short enough for 32-bit places.
template <class E>
bool conv_fits_cores(const ConvShape& s, ConvWay way);

template <class S>
void conv_cores(Queue& queue, const ConvShape& s, const typename S::Element* x, const typename S::Element* w,
                const ResultOf<S>& to, void* workspace);
template <class S>
void conv_cores_to_input(Queue& queue, const ConvShape& s, const typename S::Element* dy, const typename S::Element* w,
                         const ResultOf<S>& to, void* workspace);
template <class S>
void conv_cores_to_filter(Queue& queue, const ConvShape& s, const typename S::Element* x, const typename S::Element* dy,
                          const ResultOf<S>& to, void* workspace);

template <class E>
int64_t conv_cores_workspace(const ConvShape& s, ConvWay way);

}  // namespace ckeras::cuda
