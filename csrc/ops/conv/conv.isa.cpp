// conv and conv_grad_input: both are products whose A is packed from an image (ops/conv/panels.h), but for depthwise
// ones, which groups of few channels become, and those to few channels (ops/conv/shares.h, ops/conv/few.h), which are
// loops of their own, those of small groups (ops/conv/grouped.h), those of 3 x 3 taps, which go by points
// (ops/conv/winograd.h and, with planes of taps, ops/conv/winograd_planes.h), and those of few filters, of taps far
// apart and of strides, which pack nothing (ops/conv/direct.h).
#include "ops/conv/conv.h"

#include "gemm/batch.h"
#include "gemm/gemm.h"
#include "gemm/widen.h"
#include "ops/conv/depthwise.h"
#include "ops/conv/direct.h"
#include "ops/conv/few.h"
#include "ops/conv/grouped.h"
#include "ops/conv/layout.h"
#include "ops/conv/phases.h"
#include "ops/conv/planar.h"
#include "ops/conv/shares.h"
#include "ops/conv/spread.h"
#include "ops/conv/winograd.h"
#include "ops/conv/winograd_planes.h"

namespace ckeras::CKERAS_ISA {
namespace {

// By ops/conv/direct.h: groups of few channels and filters, those of very few filters, for which packing would take as
// long as the product, unless few pixels would each read many filters, and `unpackable` ones, whose packed rows would
// be mostly padding, or of one phase of the strides, and lie apart.
constexpr int64_t kDirectChannels = 256, kDirectResults = 96, kDirectPixels = 256, kDirectSize = int64_t{1} << 19;

bool goes_direct(int64_t channels, int64_t results, int64_t taps, int64_t pixels, bool unpackable) noexcept {
  const bool near = pixels >= kDirectPixels || taps * channels * results <= kDirectSize;
  const bool few = results <= kDirectChannels && (channels <= kDirectChannels || (results <= kDirectResults && near));
  return (few || unpackable) && channels > 0 && results > 0 && taps > 0 && pixels > 0;
}

// A batch of products, one a group.
template <class T>
struct Convolution {
  using Element = T;
  static constexpr ConvFirsts kFirsts = {{kXFirst, 0}, kYFirst};
  ConvShape s;
  GemmPlan plan;
  Batch batch;

  explicit Convolution(const Call& call) noexcept
      : s(conv_shape(call.in[0], call.in[1], call.out[0], call.ints)),
        plan(
            plan_gemm<T>(s.results(), s.og, s.taps() * s.cg, true, s.pointwise() ? pixels(nullptr).read_columns() : 0)),
        batch{s.groups, plan.m * plan.n * plan.k, plan.bytes()} {}

  // The pixels of a pointwise one.
  Matrix<T> pixels(const T* x) const noexcept { return {x, s.c, true}; }
  bool few() const noexcept { return few_results(s.og, s.cg); }
  int64_t bytes() const noexcept {
    if (planar()) return planar_plan().bytes();
    if (depthwise(s)) return 0;
    if (grouped()) return grouped_plan().bytes();
    if (spreads()) return spread_plan().bytes();
    if (few()) return turned_bytes() + (shares() ? share_plan().bytes() : 0);
    if (winograd()) return winograd_plan().bytes();
    if (winograd_planes()) return winograd_planes_plan().bytes();
    return direct() ? direct_plan().bytes() : batch.total_bytes();
  }

  bool shares() const noexcept {
    return goes_shares(s, s.og, s.cg) && s.z.stride == 1 && s.y.stride == 1 && s.x.stride == 1;
  }
  Shares<T> share_plan() const noexcept {
    return {share_axis(s.z), share_axis(s.y), share_axis(s.x), s.n, s.cg, s.groups, s.og, (s.layout & kXFirst) != 0};
  }
  int64_t turned_bytes() const noexcept {
    return round_up(s.taps() * s.cg * s.o * static_cast<int64_t>(sizeof(T)), 64);
  }

  bool grouped() const noexcept { return goes_grouped<T>(s); }
  Grouped<T> grouped_plan() const noexcept {
    return {RisingAxis(axis_of(s.y)), RisingAxis(axis_of(s.x)), s.n * s.z.size, s.c, s.cg};
  }

  // Strided windows meet few of the pixels that would be spread.
  bool spreads() const noexcept {
    return s.y.stride == 1 && s.x.stride == 1 && s.taps() > 1 && !grouped() && goes_spread(s, s.cg, s.og);
  }
  Spread<T> spread_plan() const noexcept { return {s.n * s.z.size, s.y.size * s.x.size, s.groups, s.cg, s.og}; }
  // Images of `planes` planes and as many channels as filters; `weights` as Depthwise has them.
  void run_depthwise(int64_t images, const Axis& planes, const T* x, const DepthWeights<T>& weights, T* y,
                     const Ending<T>& ending) const noexcept {
    const int64_t row = s.x.result * s.o, plane = s.y.result * row;
    Depthwise<T>{DepthAxis(planes),
                 DepthAxis(axis_of(s.y)),
                 DepthAxis(axis_of(s.x)),
                 images,
                 s.o,
                 x,
                 weights,
                 {y, planes.grid * plane, plane, row, s.o},
                 ending}
        .run();
  }

  bool winograd() const noexcept { return goes_winograd(axis_of(s.z), axis_of(s.y), axis_of(s.x), s.n, s.cg, s.og); }
  Winograd<T> winograd_plan() const noexcept {
    return {{axis_of(s.y), axis_of(s.x), s.n * s.z.result}, s.cg, s.c, s.groups, s.og, x_planes(s), y_planes(s)};
  }
  bool winograd_planes() const noexcept {
    return goes_winograd_planes(axis_of(s.z), axis_of(s.y), axis_of(s.x), s.n, s.cg, s.og);
  }
  WinogradPlanes<T> winograd_planes_plan() const noexcept {
    return {axis_of(s.z), axis_of(s.y), axis_of(s.x), s.n, s.cg, s.c, s.groups, s.og, x_planes(s), y_planes(s)};
  }
  bool by_points() const noexcept { return !depthwise(s) && !spreads() && !few() && (winograd() || winograd_planes()); }
  bool planar() const noexcept {
    return (goes_planar(s) || copies_planar(s)) && !grouped() && !spreads() && !by_points();
  }
  // Rows of zeros stand for the padding, which no infinite filter may meet.
  bool asks_filters() const noexcept { return planar() && !s.pointwise(); }
  bool takes_filters(const Call& call) const noexcept {
    return !asks_filters() || all_finite(call.in[1].as<const T>(), s.taps() * s.cg * s.o);
  }
  Planar<T> planar_plan() const noexcept {
    return {{axis_of(s.z), axis_of(s.y), axis_of(s.x)}, s.n, s.cg, s.groups, s.og};
  }
  // Whether it reads and writes images whose channels come first.
  bool any_layout() const noexcept { return by_points() || planar() || (shares() && s.layout == (kXFirst | kYFirst)); }

  bool direct() const noexcept { return goes_direct(s.cg, s.og, s.taps(), s.results(), s.far_taps()); }
  Direct<T> direct_plan() const noexcept {
    return {
        RisingAxis(axis_of(s.z)), RisingAxis(axis_of(s.y)), RisingAxis(axis_of(s.x)), s.n, s.cg, s.c, s.groups, s.og};
  }
  // By a Direct, a Winograd or a WinogradPlanes.
  template <class Plan>
  void run_by(const Plan& by, const T* x, const T* w, const Ending<T>& ending, T* y, void* workspace) const noexcept {
    const int64_t row = s.x.result * s.o, plane = s.y.result * row;
    by.run(
        workspace, [&](int64_t g) { return Matrix<T>{w + g * s.og, s.o, false}; },
        [&](int64_t g) { return x + x_planes(s).group(g * s.cg); },
        [&](int64_t g) { return DirectGrid<T>{y + y_planes(s).group(g * s.og), s.z.result * plane, plane, row, s.o}; },
        [&](int64_t g) { return ending.at(0, g * s.og); });
  }

  // Filters [taps, channels, all filters] as [groups, taps, filters, channels].
  void turn_filters(const T* w, T* to) const noexcept {
    for (int64_t g = 0; g < s.groups; ++g)
      for (int64_t tap = 0; tap < s.taps(); ++tap)
        for (int64_t o = 0; o < s.og; ++o)
          for (int64_t c = 0; c < s.cg; ++c) *to++ = w[(tap * s.cg + c) * s.o + g * s.og + o];
  }

  Ending<T> ending_of(const Call& call) const noexcept {
    const ConvEnds ends(call);
    const auto data = [](const View* v) { return v != nullptr ? v->as<const T>() : nullptr; };
    return {data(ends.bias),  s.activation, data(s.takes_residual() ? ends.residual : nullptr), s.o, data(ends.scale),
            data(ends.shift), true};
  }

  void run(const Call& call) const noexcept {
    const T* x = call.in[0].as<const T>();
    const T* w = call.in[1].as<const T>();
    const Ending<T> ending = ending_of(call);
    T* y = call.out[0].as<T>();
    const Axis planes = axis_of(s.z), rows = axis_of(s.y), columns = axis_of(s.x);
    const int64_t line = columns.taps * s.cg * s.o;
    if (planar()) {
      const auto filters = [&](int64_t g) { return Matrix<T>{w + g * s.og, s.o, false}; };
      return planar_plan().run(call.workspace, filters, x, y, ending);
    }
    if (depthwise(s)) {
      return run_depthwise(s.n, planes, x, {w, rows.taps * line, line, s.o}, y, ending);
    }
    if (grouped()) {
      const auto pack = [&](int64_t u, int64_t v, int64_t c, int64_t o, T* to) {
        copy_run(to, w + ((u * 3 + v) * s.cg + c) * s.o + o, VecOf<T>::kLanes);
      };
      const int64_t row = s.x.result * s.o, plane = s.y.result * row;
      return grouped_plan().run(call.workspace, x, pack, DirectGrid<T>{y, plane, plane, row, s.o}, ending);
    }
    if (spreads()) {
      T* const spread = static_cast<T*>(call.workspace);
      return spread_plan().each(x, spread, [&](int64_t first, int64_t count) {
        run_depthwise(count, spread_plan().planes(), spread, {w, s.o, line, s.cg * s.o},
                      y + first * s.y.result * s.x.result * s.o, ending);
      });
    }
    if (few()) {
      T* turned = static_cast<T*>(call.workspace);
      turn_filters(w, turned);
      if (shares()) {
        const auto filters = [&](int64_t g) { return ShareFilters<T>{turned + g * s.taps() * s.og * s.cg, s.cg}; };
        return share_plan().run(static_cast<char*>(call.workspace) + turned_bytes(), filters, x, y, ending);
      }
      for (int64_t g = 0; g < s.groups; ++g) {
        const T* own = turned + g * s.taps() * s.og * s.cg;
        dot_pixels(
            Image<T>{x + g * s.cg, s.c, s.cg, planes, rows, columns}, plan.m, s.og,
            [&](int64_t t, int64_t u, int64_t v) {
              return own + ((t * rows.taps + u) * columns.taps + v) * s.og * s.cg;
            },
            s.cg, Rows<T>{y + g * s.og, s.o}, ending.at(0, g * s.og));
      }
      return;
    }
    if (winograd()) return run_by(winograd_plan(), x, w, ending, y, call.workspace);
    if (winograd_planes()) return run_by(winograd_planes_plan(), x, w, ending, y, call.workspace);
    if (direct()) return run_by(direct_plan(), x, w, ending, y, call.workspace);
    batch.run(call.workspace, [&](int64_t g, void* workspace) {
      const Matrix<T> filters{w + g * s.og, s.o, false};
      const Ending<T> own = ending.at(0, g * s.og);
      const Rows<T> results{y + g * s.og, s.o};
      if (s.pointwise()) {
        multiply_matrices(plan, pixels(x + g * s.cg), filters, results, own, workspace);
      } else {
        const ImagePixels<T> windows{{x + g * s.cg, s.c, s.cg, planes, rows, columns}};
        multiply_matrices(plan, windows, filters, results, own, workspace);
      }
    });
  }
};

// A batch of products, one a phase of the strides and group.
template <class T>
struct InputGradient {
  using Element = T;
  static constexpr ConvFirsts kFirsts = {{kYFirst, 0}, kXFirst};
  ConvShape s;
  int64_t phases;
  Batch batch;

  explicit InputGradient(const Call& call) noexcept
      : s(conv_shape(call.out[0], call.in[1], call.in[0], call.ints)),
        phases(s.z.stride * s.y.stride * s.x.stride),
        batch{phases * s.groups, 0, 0} {
    for (int64_t phase = 0; phase < phases; ++phase) {
      const GemmPlan plan = plan_of(Phases(phase, s));
      batch.bytes = most(batch.bytes, plan.bytes());
      batch.work = most(batch.work, plan.m * plan.n * plan.k);
    }
  }

  bool grouped() const noexcept {
    if (!goes_grouped<T>(s)) return false;
    for (int64_t number = 0; number < phases; ++number) {
      const Phases phase(number, s);
      if (!grouped_axis(phase.y.axis) || !grouped_axis(phase.x.axis)) return false;
    }
    return true;
  }
  Grouped<T> grouped_plan(const Phases& phase) const noexcept {
    return {RisingAxis(phase.y.axis), RisingAxis(phase.x.axis), s.n * s.z.size, s.o, s.og};
  }

  bool spreads() const noexcept { return s.taps() > 1 && !few() && !grouped() && goes_spread(s, s.og, s.cg); }
  Spread<T> spread_plan() const noexcept { return {s.n * s.z.size, s.y.result * s.x.result, s.groups, s.og, s.cg}; }
  // Filters [taps, channels of a group, all filters] as [filters of a group, taps, all channels].
  void turn_filters(const T* w, T* to) const noexcept {
    for (int64_t o = 0; o < s.og; ++o)
      for (int64_t tap = 0; tap < s.taps(); ++tap)
        for (int64_t g = 0; g < s.groups; ++g)
          for (int64_t c = 0; c < s.cg; ++c) *to++ = w[(tap * s.cg + c) * s.o + g * s.og + o];
  }
  // Images of `planes` planes, or those of the phase, and as many channels as dx; `step`: elements of w from a plane of
  // taps to the next.
  void run_depthwise(const Phases& phase, int64_t images, const Axis& planes, const T* dy, const T* w, int64_t step,
                     const DirectGrid<T>& to) const noexcept {
    const int64_t line = s.x.window * s.c;
    Depthwise<T>{DepthAxis(planes),
                 DepthAxis(phase.y.axis),
                 DepthAxis(phase.x.axis),
                 images,
                 s.c,
                 dy,
                 {w + phase.tap(0, 0, 0) * s.c, step, phase.y.step * line, phase.x.step * s.c},
                 to,
                 {nullptr, Epilogue::None}}
        .run();
  }

  bool direct(const Phases& phase) const noexcept {
    return goes_direct(s.og, s.cg, phase.taps(), s.n * phase.pixels(), phases > 1 || s.far_taps());
  }
  Direct<T> direct_plan(const Phases& phase) const noexcept {
    return {
        RisingAxis(phase.z.axis), RisingAxis(phase.y.axis), RisingAxis(phase.x.axis), s.n, s.og, s.o, s.groups, s.cg};
  }
  bool winograd(const Phases& phase) const noexcept {
    return goes_winograd(phase.z.axis, phase.y.axis, phase.x.axis, s.n, s.og, s.cg);
  }
  Winograd<T> winograd_plan(const Phases& phase) const noexcept {
    return {{phase.y.axis, phase.x.axis, s.n * phase.z.axis.grid}, s.og, s.o, s.groups, s.cg, y_planes(s), x_planes(s)};
  }
  bool winograd_planes(const Phases& phase) const noexcept {
    return goes_winograd_planes(phase.z.axis, phase.y.axis, phase.x.axis, s.n, s.og, s.cg);
  }
  WinogradPlanes<T> winograd_planes_plan(const Phases& phase) const noexcept {
    return {phase.z.axis, phase.y.axis, phase.x.axis, s.n, s.og, s.o, s.groups, s.cg, y_planes(s), x_planes(s)};
  }
  bool points(const Phases& phase) const noexcept { return winograd(phase) || winograd_planes(phase); }
  bool by_points() const noexcept {
    return phases == 1 && !depthwise(s) && !spreads() && !few() && points(Phases(0, s));
  }
  bool planar() const noexcept { return goes_planar(s) && phases == 1 && !grouped() && !spreads() && !by_points(); }
  Planar<T> planar_plan(const Phases& all) const noexcept {
    return {{all.z.axis, all.y.axis, all.x.axis}, s.n, s.og, s.groups, s.cg};
  }
  bool any_layout() const noexcept { return by_points() || planar() || (shares() && s.layout == (kXFirst | kYFirst)); }
  // By a Direct, a Winograd or a WinogradPlanes.
  template <class Plan>
  void run_by(const Plan& by, const Phases& phase, const T* dy, const T* w, T* dx, void* workspace) const noexcept {
    by.run(
        workspace, [&](int64_t g) { return TurnedFilters<T>{w + g * s.og, s.cg, s.o, s.og, phase}; },
        [&](int64_t g) { return dy + y_planes(s).group(g * s.og); },
        [&](int64_t g) { return grid(dx + x_planes(s).group(g * s.cg), phase); },
        [&](int64_t) { return Ending<T>{nullptr, Epilogue::None}; });
  }
  // The phase's rows of dx.
  DirectGrid<T> grid(T* dx, const Phases& phase) const noexcept {
    const int64_t row = s.x.size * s.c, plane = s.y.size * row;
    return {dx + phase.z.place(0) * plane + phase.y.place(0) * row + phase.x.place(0) * s.c, s.z.size * plane,
            s.z.stride * plane, s.y.stride * row, s.x.stride * s.c};
  }

  GemmPlan plan_of(const Phases& phase) const noexcept {
    return plan_gemm<T>(s.n * phase.pixels(), s.cg, phase.taps() * s.og, false,
                        s.pointwise() ? pixels(nullptr).read_columns() : 0);
  }
  // The results' gradients of a pointwise one.
  Matrix<T> pixels(const T* dy) const noexcept { return {dy, s.o, true}; }

  // All channels at once of the pixels that no tap reaches.
  void zero_unreached(T* dx) const noexcept {
    for (int64_t number = 0; number < phases; ++number) {
      const Phases phase(number, s);
      if (phase.taps() > 0) continue;
      const PhaseRows<T> rows{dx, s.c, phase};
      parallel_for(s.n * phase.pixels(), most(1, (int64_t{1} << 14) / most(1, s.c)), [&](int64_t begin, int64_t end) {
        for (int64_t i = begin; i < end; ++i) zero_run(rows.row(i), s.c);
      });
    }
  }
  bool few() const noexcept { return few_results(s.cg, s.og); }
  bool shares() const noexcept { return goes_shares(s, s.cg, s.og); }
  Shares<T> share_plan() const noexcept {
    return {share_axis_back(s.z),     share_axis_back(s.y), share_axis_back(s.x), s.n, s.og, s.groups, s.cg,
            (s.layout & kXFirst) != 0};
  }
  int64_t bytes() const noexcept {
    if (planar()) return planar_plan(Phases(0, s)).bytes();
    if (grouped()) return s.taps() * s.cg * s.o * static_cast<int64_t>(sizeof(T));
    if (shares()) return share_plan().bytes();
    if (depthwise(s) || few()) return 0;
    if (spreads()) return spread_plan().bytes() + s.taps() * s.cg * s.o * static_cast<int64_t>(sizeof(T));
    int64_t bytes = batch.total_bytes();
    for (int64_t number = 0; number < phases; ++number) {
      const Phases phase(number, s);
      if (winograd(phase)) {
        bytes = most(bytes, winograd_plan(phase).bytes());
      } else if (winograd_planes(phase)) {
        bytes = most(bytes, winograd_planes_plan(phase).bytes());
      } else if (direct(phase)) {
        bytes = most(bytes, direct_plan(phase).bytes());
      }
    }
    return bytes;
  }

  void run(const Call& call) const noexcept {
    const T* dy = call.in[0].as<const T>();
    const T* w = call.in[1].as<const T>();
    T* dx = call.out[0].as<T>();
    const Ending<T> nothing{nullptr, Epilogue::None};
    if (planar()) {
      const Phases all(0, s);
      const auto filters = [&](int64_t g) { return TurnedFilters<T>{w + g * s.og, s.cg, s.o, s.og, all}; };
      return planar_plan(all).run(call.workspace, filters, dy, dx, nothing);
    }
    if (depthwise(s)) {
      for (int64_t number = 0; number < phases; ++number) {
        const Phases phase(number, s);
        run_depthwise(phase, s.n, phase.z.axis, dy, w, phase.z.step * s.y.window * s.x.window * s.c, grid(dx, phase));
      }
      return;
    }
    if (grouped()) {
      for (int64_t number = 0; number < phases; ++number) {
        const Phases phase(number, s);
        const auto pack = [&](int64_t u, int64_t v, int64_t o, int64_t c, T* to) {
          const T* from = w + (phase.tap(0, u, v) * s.cg + c % s.cg) * s.o + c / s.cg * s.og + o;
          for (int64_t k = 0; k < VecOf<T>::kLanes; k += s.cg, from += s.og) {
            for (int64_t i = 0; i < least(s.cg, VecOf<T>::kLanes); ++i) to[k + i] = from[i * s.o];
          }
        };
        DirectGrid<T> to = grid(dx, phase);
        to.image = to.plane;
        grouped_plan(phase).run(call.workspace, dy, pack, to, nothing);
      }
      return;
    }
    if (spreads()) {
      T* const spread = static_cast<T*>(call.workspace);
      T* const turned = spread + spread_plan().bytes() / static_cast<int64_t>(sizeof(T));
      turn_filters(w, turned);
      return spread_plan().each(dy, spread, [&](int64_t first, int64_t count) {
        for (int64_t number = 0; number < phases; ++number) {
          const Phases phase(number, s);
          const int64_t image = s.y.size * s.x.size * s.c;
          DirectGrid<T> to = grid(dx + first * image, phase);
          to.image = image;
          run_depthwise(phase, count, spread_plan().planes(), spread, turned, s.taps() * s.c, to);
        }
      });
    }
    if (shares()) {
      const auto filters = [&](int64_t g) { return ShareFilters<T>{w + g * s.og, s.o}; };
      return share_plan().run(call.workspace, filters, dy, dx, nothing);
    }
    zero_unreached(dx);
    if (few()) {
      for (int64_t i = 0; i < phases * s.groups; ++i) {
        const int64_t g = i / phases;
        const Phases phase(i % phases, s);
        if (phase.taps() == 0) continue;
        dot_pixels(
            Image<T>{dy + g * s.og, s.o, s.og, phase.z.axis, phase.y.axis, phase.x.axis}, s.n * phase.pixels(), s.cg,
            [&](int64_t t, int64_t u, int64_t v) { return w + phase.tap(t, u, v) * s.cg * s.o + g * s.og; }, s.o,
            PhaseRows<T>{dx + g * s.cg, s.c, phase}, nothing);
      }
      return;
    }
    for (int64_t number = 0; number < phases; ++number) {
      const Phases phase(number, s);
      if (winograd(phase)) {
        run_by(winograd_plan(phase), phase, dy, w, dx, call.workspace);
      } else if (winograd_planes(phase)) {
        run_by(winograd_planes_plan(phase), phase, dy, w, dx, call.workspace);
      } else if (direct(phase)) {
        run_by(direct_plan(phase), phase, dy, w, dx, call.workspace);
      }
    }
    batch.run(call.workspace, [&](int64_t i, void* workspace) {
      const int64_t g = i / phases;
      const Phases phase(i % phases, s);
      if (phase.taps() == 0 || points(phase) || direct(phase)) return;
      if (s.pointwise()) {
        const Matrix<T> filters{w + g * s.og, s.o, true};
        multiply_matrices(plan_of(phase), pixels(dy + g * s.og), filters, Rows<T>{dx + g * s.cg, s.c}, nothing,
                          workspace);
        return;
      }
      const ImagePixels<T> windows{{dy + g * s.og, s.o, s.og, phase.z.axis, phase.y.axis, phase.x.axis}};
      const TurnedFilters<T> filters{w + g * s.og, s.cg, s.o, s.og, phase};
      multiply_matrices(plan_of(phase), windows, filters, PhaseRows<T>{dx + g * s.cg, s.c, phase}, nothing, workspace);
    });
  }
};

void conv(const Call& call) noexcept {
  run_float(call, [](const Call& c, auto t) { run_layout<Convolution<decltype(t)>>(c); });
}
int64_t conv_bytes(const Call& call) noexcept {
  return bytes_float(call, [](const Call& c, auto t) { return layout_bytes<Convolution<decltype(t)>>(c); });
}
void conv_grad_input(const Call& call) noexcept {
  run_float(call, [](const Call& c, auto t) { run_layout<InputGradient<decltype(t)>>(c); });
}
int64_t conv_grad_input_bytes(const Call& call) noexcept {
  return bytes_float(call, [](const Call& c, auto t) { return layout_bytes<InputGradient<decltype(t)>>(c); });
}

}  // namespace

extern const Kernel kernel_conv, kernel_conv_grad_input;
constinit const Kernel kernel_conv = {conv, conv_bytes, nullptr};
constinit const Kernel kernel_conv_grad_input = {conv_grad_input, conv_grad_input_bytes, nullptr};

}  // namespace ckeras::CKERAS_ISA
