// Work that is noted once and then launched as one, with parts that the device itself leaves out or repeats. Functions
// of the host give errors as queue.h says. Only for .cu files.
#pragma once
#include "cuda/device.h"

namespace ckeras::cuda {

// What is queued on the stream from begin_graph on is not done but noted, and each launch of the graph does it again.
int begin_graph(void* stream);
int end_graph(void* stream, void** graph);
int launch_graph(void* graph, void* stream);
int drop_graph(void* graph);

// Whether there are parts: from CUDA 12.4 on, and unless CKERAS_CUDA_CONDITIONAL is 0.
bool graphs_decide();

// A number that decides about a part of the graph that is noted on the stream. A kernel before the part gives it its
// value at every launch.
using Decision = uint64_t;
int make_decision(void* stream, Decision* decision);

// What is queued on *inside until end_part is done where the decision is not 0; `again`: as long as it is not, so that
// the part decides too. Parts nest.
int begin_part(void* stream, Decision decision, bool again, void** inside);
int end_part(void* inside);

// Of one thread of a kernel.
__device__ inline void decide(Decision decision, bool yes) {
#if defined(__CUDA_ARCH__)
  cudaGraphSetConditional(decision, yes ? 1u : 0u);
#elif !defined(__CUDACC__)
  *reinterpret_cast<bool*>(decision) = yes;
#endif
}

}  // namespace ckeras::cuda
