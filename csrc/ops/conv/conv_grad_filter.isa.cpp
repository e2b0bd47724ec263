// conv_grad_filter: a product whose K is all pixels of y. Where M and N leave few pieces of work, the pixels are cut
// by the shape alone into parts that are summed side by side, and the parts' results are added in rising order. Few
// filters or rows go by ops/conv/direct_filter.h, small groups by ops/conv/grouped.h, few channels that come first by
// ops/conv/dots.h, 3 x 3 taps by ops/conv/winograd.h.
#include "gemm/batch.h"
#include "gemm/gemm.h"
#include "gemm/widen.h"
#include "ops/conv/conv.h"
#include "ops/conv/depthwise.h"
#include "ops/conv/direct_filter.h"
#include "ops/conv/dots.h"
#include "ops/conv/grouped.h"
#include "ops/conv/layout.h"
#include "ops/conv/panels.h"
#include "ops/conv/planar.h"
#include "ops/conv/spread.h"
#include "ops/conv/winograd.h"

namespace ckeras::CKERAS_ISA {
namespace {

inline constexpr int64_t kDirectFilters = 96;  // that direct_filter.h takes from up to kDirectChannels
inline constexpr int64_t kDirectChannels = 256, kTurnedFilters = 32;  // those from more: channels fill the lanes
// Of windows taken tap by tap, strided or dilated: channels (with few filters too), filters, taps.
inline constexpr int64_t kApartLeast = 48, kApartDeep = 128, kApartMost = 256, kApartFilters = 192, kApartTaps = 16;
inline constexpr int64_t kApartDilated = 512;      // channels
inline constexpr int64_t kDirectPointwise = 1024;  // channels of one tap, with up to kDirectFilters
inline constexpr int64_t kPatchFilters = 256;      // of few rows or strided windows: dy would be read too often
inline constexpr int64_t kMaxParts = 32;
inline constexpr int64_t kWinogradGroups = 8;
inline constexpr int64_t kPartPixels = 4 * 256;                 // a part has at least so many
inline constexpr int64_t kPartBytes = int64_t{1} << 20;         // of its packed operands each, about
inline constexpr int64_t kAllPartsElements = int64_t{1} << 22;  // of their results

template <class T>
struct FilterGradient {
  using Element = T;
  static constexpr ConvFirsts kFirsts = {{kXFirst, kYFirst}, 0};
  ConvShape s;
  int64_t pixels, size;  // of y, of a group's filters
  int64_t parts, part;   // how many, pixels in each
  GemmPlan plan, last;   // of a part; the last one may be shorter
  Batch groups;

  explicit FilterGradient(const Call& call) noexcept
      : s(conv_shape(call.in[0], call.out[0], call.in[1], call.ints)),
        pixels(s.results()),
        size(s.taps() * s.cg * (depthwise(s) ? s.c : s.og)) {
    const int64_t most_parts = most(1, least(kMaxParts, kAllPartsElements / most(1, size)));
    parts = most(1, least(most_parts, pixels / kPartPixels));
    part = ceil_div(pixels, parts);
    const int64_t pack_bytes = parts > 1 ? kPartBytes : kPackBytes;
    plan = plan_gemm<T>(s.taps() * s.cg, s.og, least(part, pixels), !planar(), 0, pack_bytes);
    last = plan_gemm<T>(s.taps() * s.cg, s.og, pixels - (parts - 1) * part, !planar(), 0, pack_bytes);
    groups = {s.groups, size * pixels, group_bytes()};
  }

  // The results of the parts; behind them each part's workspace. One part goes straight to dw.
  int64_t results_bytes() const noexcept {
    return parts > 1 ? round_up(parts * size * static_cast<int64_t>(sizeof(T)), 64) : 0;
  }
  int64_t part_bytes() const noexcept { return most(plan.bytes(), last.bytes()); }
  int64_t group_bytes() const noexcept { return results_bytes() + parts * part_bytes(); }
  int64_t bytes() const noexcept {
    if (depthwise(s)) return results_bytes();
    if (grouped()) return grouped_plan().bytes();
    if (spreads()) return spread_plan().bytes() + (spread_parts() + 1) * spread_bytes();
    if (winograd()) return 64 + winograd_slots() * winograd_plan().bytes();
    if (dots()) return dots_plan().bytes();
    return direct() && !planar() ? direct_plan().bytes() : groups.total_bytes();
  }

  bool grouped() const noexcept { return goes_grouped<T>(s); }
  GroupedFilter<T> grouped_plan() const noexcept {
    return {RisingAxis(axis_of(s.y)), RisingAxis(axis_of(s.x)), s.n * s.z.size, s.c, s.cg};
  }

  bool spreads() const noexcept { return !planar() && goes_spread(s, s.cg, s.og); }
  Spread<T> spread_plan() const noexcept { return {s.n * s.z.size, s.y.size * s.x.size, s.groups, s.cg, s.og}; }
  int64_t spread_parts() const noexcept {
    const int64_t of_chunk = spread_plan().at_once() * s.y.result * s.x.result;
    return most(1, least(kSpreadParts, of_chunk / kSpreadPixels));
  }
  int64_t spread_bytes() const noexcept {
    return round_up(s.taps() * s.cg * s.o * static_cast<int64_t>(sizeof(T)), 64);
  }

  bool winograd() const noexcept { return fits_winograd(axis_of(s.z), axis_of(s.y), axis_of(s.x), s.n, s.cg, s.og); }
  WinogradFilter<T> winograd_plan() const noexcept {
    return {{axis_of(s.y), axis_of(s.x), s.n * s.z.result}, s.cg, s.c, s.og, s.o, x_planes(s), y_planes(s)};
  }
  // Groups in work at once: where they are many, each is one thread's.
  int64_t winograd_slots() const noexcept { return s.groups >= kWinogradGroups ? least(s.groups, kMaxParts) : 1; }
  // Whether it reads images whose channels come first.
  bool any_layout() const noexcept {
    return planar() || (!depthwise(s) && !grouped() && !spreads() && (winograd() || direct()));
  }
  bool planar() const noexcept { return goes_planar(s) && s.pointwise(); }

  bool dots() const noexcept { return goes_dots(s) && !s.pointwise() && pixels > 0; }
  Dots<T> dots_plan() const noexcept { return {{axis_of(s.z), axis_of(s.y), axis_of(s.x)}, s.n, s.cg, s.groups, s.og}; }

  // Few filters, rows or channels: packing would take as long as the product.
  bool direct() const noexcept {
    const int64_t rows = s.taps() * s.cg;
    if (rows == 0 || s.og == 0 || pixels == 0) return false;
    if (taps_apart()) return true;
    if (s.cg > kDirectChannels && (s.cg > kDirectPointwise || s.taps() > 1)) return s.og <= kTurnedFilters;
    if (s.og <= kDirectFilters) return true;
    if (rows <= 64) return s.og < kPatchFilters;
    return s.cg <= 16 && !(s.og > kPatchFilters && (s.y.stride > 1 || s.x.stride > 1));
  }
  // Whether pixels lie between the windows that no tap meets.
  bool gaps() const noexcept { return s.y.stride > s.y.window || s.x.stride > s.x.window; }
  // Whether each tap is taken for itself: a copy with the padding around it would be mostly padding, or a few pixels of
  // each row; with fewer channels tiles would be low, with more filters dy is read too often.
  bool taps_apart() const noexcept {
    if (x_planes(s).first()) return false;
    if (s.far_taps()) return true;
    if (s.taps() > kApartTaps) return false;
    const bool strided = s.y.stride > 1 || s.x.stride > 1, dilated = s.y.dilation > 1 || s.x.dilation > 1;
    if (dilated && s.og <= kApartDeep) return s.cg >= kApartDeep && s.cg <= kApartDilated;
    const bool deep = s.og > kDirectFilters || s.cg >= kApartDeep || gaps();
    const bool many = s.og > kApartFilters && (pixels < 16 * s.og || s.cg > kApartFilters);
    return strided && deep && s.cg >= kApartLeast && s.cg <= kApartMost && !many;
  }
  DirectFilter<T> direct_plan() const noexcept {
    return {axis_of(s.z), axis_of(s.y), axis_of(s.x), s.n,         s.cg,        s.c,
            s.groups,     s.og,         x_planes(s),  y_planes(s), taps_apart()};
  }

  Image<T> image(const T* x, int64_t g) const noexcept {
    return {x + g * s.cg, s.c, s.cg, axis_of(s.z), axis_of(s.y), axis_of(s.x)};
  }

  void run_depthwise(const Call& call) const noexcept {
    const Image<T> whole = image(call.in[0].as<const T>(), 0);
    const T* dy = call.in[1].as<const T>();
    T* results = parts > 1 ? static_cast<T*>(call.workspace) : call.out[0].as<T>();
    zero_run(results, parts * size);
    parallel_for(parts, 1, [&](int64_t begin, int64_t end) {
      for (int64_t p = begin; p < end; ++p) {
        depthwise_filter_part(whole, dy, p * part, least(pixels, (p + 1) * part), results + p * size);
      }
    });
    if (parts > 1) sum_parts(results, parts, size, call.out[0].as<T>(), size, size);
  }

  // Parts of the pixels of the images in work go on from those before; then their sums [channels, taps, filters].
  void run_spread(const Call& call) const noexcept {
    const Spread<T> plan = spread_plan();
    const int64_t parts = spread_parts(), size = s.taps() * s.cg * s.o, of_image = s.y.result * s.x.result;
    T* const spread = static_cast<T*>(call.workspace);
    T* const sum = spread + plan.bytes() / static_cast<int64_t>(sizeof(T));
    T* const results = sum + spread_bytes() / static_cast<int64_t>(sizeof(T));
    const Image<T> whole{spread, s.o, s.o, plan.planes(), axis_of(s.y), axis_of(s.x)};
    zero_run(results, parts * size);
    plan.each(call.in[0].as<const T>(), spread, [&](int64_t first, int64_t count) {
      const int64_t n = count * of_image;
      const T* const dy = call.in[1].as<const T>() + first * of_image * s.o;
      parallel_for(parts, 1, [&](int64_t begin, int64_t end) {
        for (int64_t p = begin; p < end; ++p) {
          depthwise_filter_part(whole, dy, n * p / parts, n * (p + 1) / parts, results + p * size);
        }
      });
    });
    sum_parts(results, parts, size, sum, size, size);
    T* dw = call.out[0].as<T>();
    for (int64_t tap = 0; tap < s.taps(); ++tap) {
      for (int64_t c = 0; c < s.cg; ++c, dw += s.o) copy_run(dw, sum + (c * s.taps() + tap) * s.o, s.o);
    }
  }

  void run_group(const Call& call, int64_t g, void* workspace) const noexcept {
    const T* x = call.in[0].as<const T>();
    const T* dy = call.in[1].as<const T>();
    const auto results = [&](int64_t p) { return Matrix<T>{dy + g * s.og + p * part * s.o, s.o, false}; };
    if (planar()) {
      const int64_t own = s.z.size * s.y.size * s.x.size;
      const auto planes = [&](const T* data, int64_t channels, int64_t of_group) {
        return
            [=, this](int64_t p) { return PlaneMatrix<T>{data + g * of_group * own, channels * own, own, p * part}; };
      };
      run_parts(call, g, workspace, planes(x, s.c, s.cg), planes(dy, s.o, s.og));
    } else if (s.pointwise()) {
      const auto taps = [&](int64_t p) { return Matrix<T>{x + g * s.cg + p * part * s.c, s.c, false}; };
      run_parts(call, g, workspace, taps, results);
    } else {
      run_parts(call, g, workspace, [&](int64_t p) { return ImageTaps<T>{image(x, g), p * part}; }, results);
    }
  }
  // taps(p), results(p): A and B of part p.
  template <class TapsOf, class ResultsOf>
  void run_parts(const Call& call, int64_t g, void* workspace, const TapsOf& taps,
                 const ResultsOf& of_results) const noexcept {
    T* dw = call.out[0].as<T>() + g * s.og;
    const Ending<T> ending{nullptr, Epilogue::None};
    if (parts == 1) return multiply_matrices(plan, taps(0), of_results(0), Rows<T>{dw, s.o}, ending, workspace);
    T* results = static_cast<T*>(workspace);
    char* rest = static_cast<char*>(workspace) + results_bytes();
    parallel_for(parts, 1, [&](int64_t begin, int64_t end) {
      for (int64_t p = begin; p < end; ++p) {
        multiply_matrices(p + 1 < parts ? plan : last, taps(p), of_results(p), Rows<T>{results + p * size, s.og},
                          ending, rest + p * part_bytes());
      }
    });
    sum_parts(results, parts, size, dw, s.og, s.o);
  }

  void run(const Call& call) const noexcept {
    if (depthwise(s)) return run_depthwise(call);
    if (grouped()) {
      return grouped_plan().run(call.in[0].as<const T>(), call.in[1].as<const T>(), call.out[0].as<T>(),
                                call.workspace);
    }
    if (spreads()) return run_spread(call);
    if (winograd()) {
      const T* x = call.in[0].as<const T>();
      const T* dy = call.in[1].as<const T>();
      const WinogradFilter<T> plan = winograd_plan();
      const int64_t slots = winograd_slots();
      const Buffers buffers{static_cast<uint64_t*>(call.workspace)};
      buffers.open(slots);
      return parallel_for(slots, 1, [&](int64_t begin, int64_t end) {
        for (int64_t slot = begin; slot < end; ++slot) {
          const int buffer = buffers.take();
          for (int64_t g = s.groups * slot / slots; g < s.groups * (slot + 1) / slots; ++g) {
            plan.run(x + x_planes(s).group(g * s.cg), dy + y_planes(s).group(g * s.og), call.out[0].as<T>() + g * s.og,
                     s.o, static_cast<char*>(call.workspace) + 64 + buffer * plan.bytes());
          }
          buffers.give(buffer);
        }
      });
    }
    if (dots()) {
      return dots_plan().run(call.in[0].as<const T>(), call.in[1].as<const T>(), call.out[0].as<T>(), call.workspace);
    }
    if (direct() && !planar()) {
      return direct_plan().run(call.in[0].as<const T>(), call.in[1].as<const T>(), call.out[0].as<T>(), call.workspace);
    }
    groups.run(call.workspace, [&](int64_t g, void* workspace) { run_group(call, g, workspace); });
  }
};

void conv_grad_filter(const Call& call) noexcept {
  run_float(call, [](const Call& c, auto t) { run_layout<FilterGradient<decltype(t)>>(c); });
}
int64_t conv_grad_filter_bytes(const Call& call) noexcept {
  return bytes_float(call, [](const Call& c, auto t) { return layout_bytes<FilterGradient<decltype(t)>>(c); });
}

}  // namespace

extern const Kernel kernel_conv_grad_filter;
constinit const Kernel kernel_conv_grad_filter = {conv_grad_filter, conv_grad_filter_bytes, nullptr};

}  // namespace ckeras::CKERAS_ISA
