// Graphs and their conditional parts: CUDA's, or lists of functions where kernels are emulated.
#include "cuda/graph.h"

#include "cuda/asked.h"

#if !defined(__CUDACC__)
#include <cerrno>
#include <list>
#include <memory>
#include <vector>
#endif

namespace ckeras::cuda {

#if defined(__CUDACC__)

namespace {
cudaStream_t of(void* stream) { return static_cast<cudaStream_t>(stream); }

// Relaxed: what is done beside the noting, streams for its parts and kernels that the driver loads with their first
// launch, is known not to touch it.
constexpr auto kNoting = cudaStreamCaptureModeRelaxed;
}  // namespace

int begin_graph(void* stream) { return cudaStreamBeginCapture(of(stream), kNoting); }
int end_graph(void* stream, void** graph) {
  cudaGraph_t noted = nullptr;
  cudaError_t error = cudaStreamEndCapture(of(stream), &noted);
  if (error != cudaSuccess) return error;
  error = cudaGraphInstantiate(reinterpret_cast<cudaGraphExec_t*>(graph), noted, 0);
  const cudaError_t dropped = cudaGraphDestroy(noted);
  return error != cudaSuccess ? error : dropped;
}
int launch_graph(void* graph, void* stream) { return cudaGraphLaunch(static_cast<cudaGraphExec_t>(graph), of(stream)); }
int drop_graph(void* graph) { return cudaGraphExecDestroy(static_cast<cudaGraphExec_t>(graph)); }

#if CUDART_VERSION >= 13000  // before, these calls have other arguments

bool graphs_decide() {
  int driver = 0;
  return asked_for("CKERAS_CUDA_CONDITIONAL", true) && cudaDriverGetVersion(&driver) == cudaSuccess && driver >= 12040;
}

namespace {
// The graph that is noted on the stream, and what of it the next work comes after.
struct Noted {
  cudaGraph_t graph = nullptr;
  const cudaGraphNode_t* last = nullptr;
  size_t n_last = 0;
};
int look(void* stream, Noted* noted) {
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  const cudaError_t error =
      cudaStreamGetCaptureInfo(of(stream), &status, nullptr, &noted->graph, &noted->last, nullptr, &noted->n_last);
  if (error != cudaSuccess) return error;
  return status == cudaStreamCaptureStatusActive ? cudaSuccess : cudaErrorStreamCaptureInvalidated;
}

}  // namespace

int make_decision(void* stream, Decision* decision) {
  static_assert(sizeof(cudaGraphConditionalHandle) == sizeof(Decision));
  Noted noted;
  if (const int error = look(stream, &noted)) return error;
  return cudaGraphConditionalHandleCreate(reinterpret_cast<cudaGraphConditionalHandle*>(decision), noted.graph, 0, 0);
}
int begin_part(void* stream, Decision decision, bool again, void** inside) {
  Noted noted;
  if (const int error = look(stream, &noted)) return error;
  cudaGraphNodeParams params{};
  params.type = cudaGraphNodeTypeConditional;
  params.conditional.handle = decision;
  params.conditional.type = again ? cudaGraphCondTypeWhile : cudaGraphCondTypeIf;
  params.conditional.size = 1;
  cudaGraphNode_t node = nullptr;
  cudaError_t error = cudaGraphAddNode(&node, noted.graph, noted.last, nullptr, noted.n_last, &params);
  if (error != cudaSuccess) return error;
  error = cudaStreamUpdateCaptureDependencies(of(stream), &node, nullptr, 1, cudaStreamSetCaptureDependencies);
  if (error != cudaSuccess) return error;
  if (const int made = make_stream(inside)) return made;
  error = cudaStreamBeginCaptureToGraph(of(*inside), params.conditional.phGraph_out[0], nullptr, nullptr, 0, kNoting);
  if (error == cudaSuccess) return error;
  drop_stream(*inside);
  *inside = nullptr;
  return error;
}
int end_part(void* inside) {
  cudaGraph_t part = nullptr;  // the node's
  const cudaError_t error = cudaStreamEndCapture(of(inside), &part);
  const int dropped = drop_stream(inside);
  return error != cudaSuccess ? error : dropped;
}

#else

bool graphs_decide() { return false; }
int make_decision(void*, Decision*) { return cudaErrorNotSupported; }
int begin_part(void*, Decision, bool, void**) { return cudaErrorNotSupported; }
int end_part(void*) { return cudaErrorNotSupported; }

#endif

#else

namespace {
using Work = std::vector<std::function<void()> >;
void run(const Work& all) {
  for (const auto& work : all) work();
}
struct Graph {
  Work work;
  std::list<bool> decisions;
};
Graph* graph_noted = nullptr;

struct Part {
  Work work, *around;
  const void* stream;  // of what is around
  const bool* decision;
  bool again;
};
}  // namespace

int begin_graph(void* stream) {
  if (graph_noted != nullptr) return EBUSY;
  graph_noted = new Graph;
  emulate::note(&graph_noted->work, stream);
  return 0;
}
int end_graph(void*, void** graph) {
  *graph = graph_noted;
  graph_noted = nullptr;
  emulate::note(nullptr, nullptr);
  return *graph == nullptr ? EINVAL : 0;
}
int launch_graph(void* graph, void*) {
  if (emulate::is_lost()) return ENODEV;
  run(static_cast<Graph*>(graph)->work);
  return 0;
}
int drop_graph(void* graph) {
  delete static_cast<Graph*>(graph);
  return 0;
}

bool graphs_decide() { return asked_for("CKERAS_CUDA_CONDITIONAL", true); }
int make_decision(void* stream, Decision* decision) {
  if (emulate::noted(stream) == nullptr) return EINVAL;
  *decision = reinterpret_cast<Decision>(&graph_noted->decisions.emplace_back(false));
  return 0;
}
int begin_part(void* stream, Decision decision, bool again, void** inside) {
  Work* const around = emulate::noted(stream);
  if (around == nullptr) return EINVAL;
  Part* const part = new Part{{}, around, stream, reinterpret_cast<const bool*>(decision), again};
  emulate::note(&part->work, part);
  *inside = part;
  return 0;
}
int end_part(void* inside) {
  const std::shared_ptr<Part> part(static_cast<Part*>(inside));
  if (emulate::noted(inside) != &part->work) return EINVAL;
  emulate::note(part->around, part->stream);
  part->around->push_back([part] {
    while (*part->decision) {
      run(part->work);
      if (!part->again) break;
    }
  });
  return 0;
}

#endif

}  // namespace ckeras::cuda
