#include "ops/updates/updates.h"

#include "cpu/parallel.h"
#include "ops/storage.h"

namespace ckeras::CKERAS_ISA {
namespace {

constexpr int64_t kPiece = 1 << 14;  // elements a piece of parallel work updates

// step(storage, variable, first, n) over all variables laid end to end, cut every kPiece elements; the first output of
// each variable is `stride` apart. So many small variables are one piece.
template <class Step>
void for_pieces(const Call& call, int stride, const Step& step) {
  int64_t total = 0;
  for (int i = 0; i < call.n_out; i += stride) total += call.out[i].size();
  parallel_for(total, kPiece, [&](int64_t begin, int64_t end) {
    for (int i = 0; i < call.n_out && end > 0; i += stride) {  // begin and end count from the start of variable i
      const int64_t size = call.out[i].size(), first = begin > 0 ? begin : 0, last = least(end, size);
      if (first < last) with_storage(call.out[i].dtype, [&](auto s) { step(s, i / stride, first, last - first); });
      begin -= size;
      end -= size;
    }
  });
}

double scalar(const View& view) {
  double x = 0;
  with_storage(view.dtype, [&](auto s) { x = s.get(*view.as<const typename decltype(s)::Element>()); });
  return x;
}

// One run of a variable: `at(view)` is where the piece starts in it.
template <class S>
struct Piece {
  int64_t first;
  CKERAS_MEMBER typename S::Element* at(const View& view) const { return view.as<typename S::Element>() + first; }
};

// body(i, n) for vectors of n lanes.
template <class V, class Body>
CKERAS_INLINE void for_vectors(int64_t n, const Body& body) {
  for (int64_t i = 0; i < n; i += V::kLanes) body(i, n - i);
}

// How the new p comes from the velocity m' and the scaled gradient s = lr * g.
enum class Sgd { Plain, Momentum, Nesterov };

template <Sgd kRule, class S>
void sgd_piece(const Call& call, S, int64_t variable, int64_t first, int64_t n, double lr_value) {
  using V = typename S::V;
  using T = typename S::T;
  constexpr bool kMomentum = kRule != Sgd::Plain;
  const View* in = call.in + 1 + variable * (kMomentum ? 3 : 2);
  const View* out = call.out + variable * (kMomentum ? 2 : 1);
  const Piece<S> at{first};
  const auto *p = at.at(in[0]), *g = at.at(in[1]), *m = kMomentum ? at.at(in[2]) : nullptr;
  auto *p_new = at.at(out[0]), *m_new = kMomentum ? at.at(out[1]) : nullptr;
  const V lr(static_cast<T>(lr_value)), momentum(static_cast<T>(call.floats[0]));
  for_vectors<V>(n, [&](int64_t i, int64_t count) __attribute__((always_inline)) {
    const V scaled = lr * S::load(g + i, count);
    V moved;
    if constexpr (kMomentum) {
      const V velocity = momentum * S::load(m + i, count) - scaled;
      moved = S::load(p + i, count) + (kRule == Sgd::Nesterov ? momentum * velocity - scaled : velocity);
      S::store(m_new + i, velocity, count);
    } else {
      moved = S::load(p + i, count) - scaled;
    }
    S::store(p_new + i, moved, count);
  });
}

template <Sgd kRule>
void sgd(const Call& call) {
  const double lr = scalar(call.in[0]);
  for_pieces(call, kRule == Sgd::Plain ? 1 : 2, [&](auto s, int64_t variable, int64_t first, int64_t n) {
    sgd_piece<kRule>(call, s, variable, first, n, lr);
  });
}

void sgd_update(const Call& call) noexcept {
  if (!call.ints[0]) return sgd<Sgd::Plain>(call);
  return call.ints[1] ? sgd<Sgd::Nesterov>(call) : sgd<Sgd::Momentum>(call);
}

template <class S>
void adam_piece(const Call& call, S, int64_t variable, int64_t first, int64_t n, double alpha_value) {
  using V = typename S::V;
  using T = typename S::T;
  const View* in = call.in + 1 + variable * 4;
  const View* out = call.out + variable * 3;
  const Piece<S> at{first};
  const auto *p = at.at(in[0]), *g = at.at(in[1]), *m = at.at(in[2]), *v = at.at(in[3]);
  auto *p_new = at.at(out[0]), *m_new = at.at(out[1]), *v_new = at.at(out[2]);
  const V alpha(static_cast<T>(alpha_value)), rate1(static_cast<T>(call.floats[0]));
  const V rate2(static_cast<T>(call.floats[1])), epsilon(static_cast<T>(call.floats[2]));
  for_vectors<V>(n, [&](int64_t i, int64_t count) __attribute__((always_inline)) {
    const V slope = S::load(g + i, count), old_m = S::load(m + i, count), old_v = S::load(v + i, count);
    const V mean = old_m + (slope - old_m) * rate1;
    const V square = old_v + (slope * slope - old_v) * rate2;
    const V moved = S::load(p + i, count) - alpha * mean / (sqrt(square) + epsilon);
    S::store(p_new + i, moved, count);
    S::store(m_new + i, mean, count);
    S::store(v_new + i, square, count);
  });
}

void adam_update(const Call& call) noexcept {
  const double alpha = scalar(call.in[0]);
  for_pieces(call, 3, [&](auto s, int64_t variable, int64_t first, int64_t n) {
    adam_piece(call, s, variable, first, n, alpha);
  });
}

}  // namespace

extern const Kernel kernel_sgd_update, kernel_adam_update;
constinit const Kernel kernel_sgd_update = {sgd_update, nullptr, nullptr};
constinit const Kernel kernel_adam_update = {adam_update, nullptr, nullptr};

}  // namespace ckeras::CKERAS_ISA
