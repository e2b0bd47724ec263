#include "ops/updates/cuts.h"
#include "ops/updates/scaled.h"

namespace ckeras::CKERAS_ISA {
namespace {

struct Lengths {
  double variable, step;  // sums of squares
};

struct Lamb {
  const Call& call;
  double lr, k1, k2, rate1, rate2, epsilon;

  explicit Lamb(const Call& c) noexcept
      : call(c),
        lr(scalar_of(c.in[0])),
        k1(scalar_of(c.in[1])),
        k2(scalar_of(c.in[2])),
        rate1(c.floats[0]),
        rate2(c.floats[1]),
        epsilon(c.floats[2]) {}

  const View* in(int variable) const { return call.in + 3 + variable * 4; }
  const View* out(int variable) const { return call.out + variable * 3; }
  static int64_t pieces(const View& p) { return ceil_div(p.size(), kCut); }

  // The direction, of stored means.
  template <class S>
  auto way(S, int variable) const {
    using V = typename S::V;
    using T = typename S::T;
    const auto* m = out(variable)[1].as<const typename S::Element>();
    const auto* v = out(variable)[2].as<const typename S::Element>();
    const V c1(static_cast<T>(k1)), c2(static_cast<T>(k2)), least_root(static_cast<T>(epsilon));
    return [=](int64_t i, int64_t left) __attribute__((always_inline)) {
      return S::load(m + i, left) / c1 / (sqrt(S::load(v + i, left) / c2) + least_root);
    };
  }

  template <class S>
  Lengths move_means(S s, int variable, int64_t first, int64_t n) const {
    using V = typename S::V;
    using T = typename S::T;
    using Element = typename S::Element;
    const View *from = in(variable), *to = out(variable);
    const Element *p = from[0].as<Element>(), *g = from[1].as<Element>(), *m = from[2].as<Element>();
    const Element* v = from[3].as<Element>();
    Element *new_m = to[1].as<Element>(), *new_v = to[2].as<Element>();
    const V r1(static_cast<T>(rate1)), r2(static_cast<T>(rate2));
    for (int64_t i = first; i < first + n; i += V::kLanes) {
      const int64_t left = first + n - i;
      const V slope = S::load(g + i, left), mean = S::load(m + i, left), square = S::load(v + i, left);
      S::store(new_m + i, mean + (slope - mean) * r1, left);
      S::store(new_v + i, square + (slope * slope - square) * r2, left);
    }
    const auto step = way(s, variable);
    const auto squared = [](V x) __attribute__((always_inline)) { return x * x; };
    return {sum_of<S>(n, [=](int64_t i, int64_t left)
                             __attribute__((always_inline)) { return squared(S::load(p + first + i, left)); }),
            sum_of<S>(n, [=](int64_t i, int64_t left)
                             __attribute__((always_inline)) { return squared(step(first + i, left)); })};
  }

  template <class S>
  void step(S s, int variable, double ratio, int64_t first, int64_t n) const {
    using V = typename S::V;
    using Element = typename S::Element;
    const Element* p = in(variable)[0].as<Element>();
    Element* to = out(variable)[0].as<Element>();
    const V rate(static_cast<typename S::T>(lr * ratio));
    const auto move = way(s, variable);
    for (int64_t i = first; i < first + n; i += V::kLanes) {
      const int64_t left = first + n - i;
      S::store(to + i, S::load(p + i, left) - move(i, left) * rate, left);
    }
  }

  void run() const {
    const int count = call.n_out / 3;
    int64_t elements = 0;
    for (int i = 0; i < count; ++i) elements += out(i)->size();
    auto* sums = static_cast<Lengths*>(call.workspace);
    const auto mine = [&](int i) { return pieces(*out(i)); };
    for_cuts(count, elements, mine, [&](int i, int64_t piece, int64_t place) {
      const int64_t first = piece * kCut, n = least(kCut, out(i)->size() - first);
      with_storage(out(i)->dtype, [&](auto s) { sums[place] = move_means(s, i, first, n); });
    });
    for_cuts(count, elements, mine, [&](int i, int64_t piece, int64_t place) {
      Lengths total{0, 0};
      for (int64_t j = place - piece; j < place - piece + mine(i); ++j) {
        total = {total.variable + sums[j].variable, total.step + sums[j].step};
      }
      const bool both = total.variable > 0 && total.step > 0;
      const double ratio = both ? __builtin_sqrt(total.variable) / __builtin_sqrt(total.step) : 1;
      const int64_t first = piece * kCut, n = least(kCut, out(i)->size() - first);
      with_storage(out(i)->dtype, [&](auto s) { step(s, i, ratio, first, n); });
    });
  }
};

void lamb_update(const Call& call) noexcept { Lamb(call).run(); }
int64_t lamb_bytes(const Call& call) noexcept {
  int64_t places = 0;
  for (int i = 0; i < call.n_out; i += 3) places += Lamb::pieces(call.out[i]);
  return places * static_cast<int64_t>(sizeof(Lengths));
}

}  // namespace

extern const Kernel kernel_lamb_update;
constinit const Kernel kernel_lamb_update = {lamb_update, lamb_bytes, nullptr};

}  // namespace ckeras::CKERAS_ISA
