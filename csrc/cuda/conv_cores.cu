#include "cuda/conv_cores.h"

#include <initializer_list>

#include "cuda/conv_phases.h"
#include "cuda/tensor_core.h"

namespace ckeras::cuda {
namespace {

// n / d of 0 <= n < 2^31 as a product and a shift: with 2^bits the first power of two from d on, the factor is
// 2^(31 + bits) / d rounded up, and what it is too much by stays below one.
struct Divisor {
  uint32_t d, factor;
  int shift;

  explicit Divisor(int64_t by) : d(static_cast<uint32_t>(at_least_one(by))) {  // 0: of what is never asked for
    int bits = 0;
    while ((int64_t{1} << bits) < by) ++bits;
    shift = 31 + bits;
    factor = static_cast<uint32_t>(((uint64_t{1} << shift) + d - 1) / d);
  }
  CKERAS_MEMBER uint32_t quotient(uint32_t n) const { return static_cast<uint32_t>(uint64_t{n} * factor >> shift); }
  CKERAS_MEMBER int take(uint32_t* n) const {  // the remainder; *n becomes the quotient
    const uint32_t q = quotient(*n), rest = *n - q * d;
    *n = q;
    return static_cast<int>(rest);
  }
};

struct Axes {
  int z, y, x;
  CKERAS_MEMBER Axes operator+(const Axes& o) const { return {z + o.z, y + o.y, x + o.x}; }
  CKERAS_MEMBER Axes operator-(const Axes& o) const { return {z - o.z, y - o.y, x - o.x}; }
  CKERAS_MEMBER Axes operator*(const Axes& o) const { return {z * o.z, y * o.y, x * o.x}; }
  CKERAS_MEMBER bool inside(const Axes& size) const {
    const auto in = [](int i, int n) { return static_cast<uint32_t>(i) < static_cast<uint32_t>(n); };
    return in(z, size.z) && in(y, size.y) && in(x, size.x);
  }
};
Axes axes(const ConvShape& s, int64_t Dim::* of) {
  return {static_cast<int>(s.z.*of), static_cast<int>(s.y.*of), static_cast<int>(s.x.*of)};
}
// Outside of everything, also next to another one.
constexpr int kFar = -(1 << 30);
constexpr Axes kNowhere = {kFar, kFar, kFar};

// A number of [rest, z, y, x] as a place.
struct Split {
  Divisor z, y, x;
  explicit Split(const Axes& n) : z(n.z), y(n.y), x(n.x) {}
  CKERAS_MEMBER Axes operator()(uint32_t* i) const {
    Axes at;
    at.x = x.take(i);
    at.y = y.take(i);
    at.z = z.take(i);
    return at;
  }
};

// Addresses are sums of what one index of an operand gives and what the other gives.
struct Part {
  int64_t offset;
  Axes at;
};

// An array [image, z, y, x, channels].
template <class E>
struct Image {
  const E* base;
  Axes size;
  int channels;
  int64_t step;  // from image to image

  Image(const E* data, const Axes& n, int64_t all)
      : base(data), size(n), channels(static_cast<int>(all)), step(all * n.z * n.y * n.x) {}
  CKERAS_MEMBER const E* at(const Axes& p, int64_t offset) const {
    return p.inside(size) ? base + offset + ((p.z * size.y + p.y) * size.x + p.x) * channels : nullptr;
  }
};

// A window's taps and the channels under each, as one index.
struct Taps {
  Split split;
  Divisor channels;
  uint32_t count;
  Axes dilation;

  Taps(const ConvShape& s, int64_t each)
      : split(axes(s, &Dim::window)),
        channels(each),
        count(static_cast<uint32_t>(s.taps() * each)),
        dilation(axes(s, &Dim::dilation)) {}
  CKERAS_MEMBER Part operator()(int64_t i) const {
    uint32_t tap = static_cast<uint32_t>(i);
    if (tap >= count) return {0, kNowhere};
    const int channel = channels.take(&tap);
    return {channel, split(&tap) * dilation};
  }

  // The same, one after the other.
  struct Walk {
    int64_t left;
    int channel;
    Axes tap;
  };
  CKERAS_MEMBER Walk from(int64_t i) const {
    uint32_t tap = static_cast<uint32_t>(i);
    const int channel = channels.take(&tap);
    return {count - i, channel, split(&tap)};
  }
  CKERAS_MEMBER void next(Walk* walk) const {
    --walk->left;
    if (++walk->channel < static_cast<int>(channels.d)) return;
    walk->channel = 0;
    if (++walk->tap.x < static_cast<int>(split.x.d)) return;
    walk->tap.x = 0;
    if (++walk->tap.y < static_cast<int>(split.y.d)) return;
    walk->tap.y = 0;
    ++walk->tap.z;
  }
};

// x under the windows: results by taps and channels, the results being the operand's own index (kIsDeep) or the depth.
template <class E, bool kIsDeep>
struct Windows {
  using Element = E;
  static constexpr bool kDeep = kIsDeep;
  const E* base;
  Image<E> image;
  Taps taps;
  Split results;
  uint32_t count;
  Axes stride, low;
  int64_t group_step;

  Windows(const ConvShape& s, const E* x)
      : base(x),
        image(x, axes(s, &Dim::size), s.c),
        taps(s, s.cg),
        results(axes(s, &Dim::result)),
        count(static_cast<uint32_t>(s.results())),
        stride(axes(s, &Dim::stride)),
        low(axes(s, &Dim::low)),
        group_step(s.cg) {}

  using Place = Part;
  CKERAS_MEMBER Part result(int64_t i) const {
    uint32_t n = static_cast<uint32_t>(i);
    if (n >= count) return {0, kNowhere};
    const Axes at = results(&n) * stride - low;
    return {n * image.step, at};
  }
  CKERAS_MEMBER Part place(int64_t group, int64_t i) const {
    Part p = kDeep ? result(i) : taps(i);
    p.offset += group * group_step;
    return p;
  }
  CKERAS_MEMBER const E* at(const Part& p, int64_t k) const {
    const Part other = kDeep ? taps(k) : result(k);
    return image.at(p.at + other.at, p.offset + other.offset);
  }
};

// The same where the channels of a group are no whole vectors.
template <class E, bool kIsDeep>
struct FewChannels : Windows<E, kIsDeep> {
  using Base = Windows<E, kIsDeep>;
  using Base::Base;

  struct Place {
    Part result;  // of the operand's own index, or of none
    Taps::Walk tap;
  };
  CKERAS_MEMBER Place place(int64_t group, int64_t i) const {
    Place p = {kIsDeep ? this->result(i) : Part{0, {0, 0, 0}}, {}};
    if (!kIsDeep) p.tap = this->taps.from(i);
    p.result.offset += group * this->group_step;
    return p;
  }
  CKERAS_MEMBER Vector<E> gather(const Place& p, int64_t k) const {
    const Part other = kIsDeep ? Part{0, {0, 0, 0}} : this->result(k);
    const Part result = {p.result.offset + other.offset, p.result.at + other.at};
    Taps::Walk walk = kIsDeep ? this->taps.from(k) : p.tap;
    Vector<E> v;
    CKERAS_UNROLL
    for (int j = 0; j < kVector<E>; ++j) {
      const Axes at = result.at + walk.tap * this->taps.dilation;
      const E* from = walk.left > 0 ? this->image.at(at, result.offset + walk.channel) : nullptr;
      v.of[j] = from != nullptr ? *from : E{0};
      this->taps.next(&walk);
    }
    return v;
  }
};

// dy over the pixels of a phase of x: pixels by taps and filters.
template <class E>
struct Over {
  using Element = E;
  static constexpr bool kDeep = true;
  const E* base;
  Image<E> image;
  Taps taps;
  Split pixels;
  uint32_t count;
  Axes low;
  int64_t group_step;

  Over(const ConvShape& s, const E* dy)
      : base(dy),
        image(dy, axes(s, &Dim::result), s.o),
        taps(s, s.og),
        pixels(axes(s, &Dim::size)),
        count(static_cast<uint32_t>(s.n * s.z.size * s.y.size * s.x.size)),
        low(axes(s, &Dim::low)),
        group_step(s.og) {}

  using Place = Part;
  CKERAS_MEMBER Part place(int64_t group, int64_t i) const {
    uint32_t n = static_cast<uint32_t>(i);
    if (n >= count) return {0, kNowhere};
    const Axes at = pixels(&n) + low;
    return {n * image.step + group * group_step, at};
  }
  CKERAS_MEMBER const E* at(const Part& p, int64_t k) const {
    const Part tap = taps(k);
    return tap.at.z < 0 ? nullptr : image.at(p.at - tap.at, p.offset + tap.offset);
  }
};

// The filters for it: channels by taps and filters.
template <class E>
struct Turned {
  using Element = E;
  static constexpr bool kDeep = true;
  const E* base;
  Divisor filters;
  Split taps;
  Grid3 whole;  // the taps of all phases
  int64_t channels, depth, step, group_step;

  Turned(const Phase& phase, const E* w)
      : base(w),
        filters(phase.s.og),
        taps(axes(phase.s, &Dim::window)),
        whole(phase.taps),
        channels(phase.s.cg),
        depth(phase.s.taps() * phase.s.og),
        step(phase.s.o),
        group_step(phase.s.og) {}

  using Place = const E*;
  CKERAS_MEMBER Place place(int64_t group, int64_t i) const {
    return i < channels ? base + group * group_step + i * step : nullptr;
  }
  CKERAS_MEMBER const E* at(Place p, int64_t k) const {
    if (p == nullptr || k >= depth) return nullptr;
    uint32_t tap = static_cast<uint32_t>(k);
    const int filter = filters.take(&tap);
    const Axes at = taps(&tap);
    return p + whole.at(at.z, at.y, at.x) * channels * step + filter;
  }
};

// Where the rows of a phase lie in x.
template <class S>
struct PhaseResult {
  ResultOf<S> to;
  Split pixels;
  Grid3 whole;

  CKERAS_MEMBER void put(int64_t batch, int64_t m, int64_t n, typename S::T sum) const {
    uint32_t image = static_cast<uint32_t>(m);
    const Axes at = pixels(&image);
    const int64_t first = image * whole.z.size * whole.y.size * whole.x.size;
    to.put(batch, first + whole.at(at.z, at.y, at.x), n, sum);
  }
};

// Of a phase, in the way to the input.
Slices<float> slices_for(const ConvShape& s, ConvWay way, void* workspace) {
  const int64_t pixels = s.n * s.z.size * s.y.size * s.x.size;
  switch (way) {
    case ConvWay::Forward:
      return core_slices(s.results(), s.og, s.taps() * s.cg, s.groups, workspace);
    case ConvWay::ToInput:
      return core_slices(pixels, s.cg, s.taps() * s.og, s.groups, workspace);
    default:
      return core_slices(s.taps() * s.cg, s.og, s.results(), s.groups, workspace);
  }
}

template <class S, class Left, class Right, class Result>
void start(Queue& queue, const Left& left, const Right& right, const Result& to, int64_t depth,
           const Slices<float>& slices) {
  const CoreProduct<S, Left, Right, Result> p = {left, right, to, depth, slices};
  slices.columns > kSide / 2 ? launch_core_product<kSide>(queue, p) : launch_core_product<kSide / 2>(queue, p);
}

}  // namespace

template <class E>
bool conv_fits_cores(const ConvShape& s, ConvWay way) {
  constexpr int64_t kReach = -kFar / 4;
  const auto small = [](std::initializer_list<int64_t> factors, int64_t most = int64_t{1} << 30) {
    int64_t product = 1;
    for (int64_t f : factors) {
      if (f < 1 || f >= most || (product *= f) >= most) return false;
    }
    return true;
  };
  const auto near = [&](const Dim& d) {
    return small({d.size}, kReach) && small({d.window, d.dilation}, kReach) && small({d.result, d.stride}, kReach) &&
           d.low < kReach && d.low > -kReach;
  };
  const bool channels = way == ConvWay::ToInput ? splits(s) : sizeof(E) == 2 || s.cg % kVector<E> == 0;
  return channels && s.og % kVector<E> == 0 && near(s.z) && near(s.y) && near(s.x) &&
         small({s.n, s.z.size, s.y.size, s.x.size}) && small({s.z.size, s.y.size, s.x.size, s.c}) &&
         small({s.n, s.z.result, s.y.result, s.x.result}) && small({s.z.result, s.y.result, s.x.result, s.o}) &&
         small({s.z.window, s.y.window, s.x.window, s.c}) && small({s.z.window, s.y.window, s.x.window, s.o});
}

template <class E>
int64_t conv_cores_workspace(const ConvShape& s, ConvWay way) {
  if (!conv_fits_cores<E>(s, way)) return 0;
  if (way != ConvWay::ToInput) return slices_for(s, way, nullptr).bytes();
  int64_t bytes = 0;
  for (const Phase& phase : phases_of(s)) bytes = most(bytes, slices_for(phase.s, way, nullptr).bytes());
  return bytes;
}

namespace {
// f(x under the windows)
template <bool kDeep, class E, class F>
void with_windows(const ConvShape& s, const E* x, const F& f) {
  if constexpr (sizeof(E) == 2) {
    if (s.cg % kVector<E> != 0) return f(FewChannels<E, kDeep>(s, x));
  }
  f(Windows<E, kDeep>(s, x));
}
}  // namespace

template <class S>
void conv_cores(Queue& queue, const ConvShape& s, const typename S::Element* x, const typename S::Element* w,
                const ResultOf<S>& to, void* workspace) {
  const int64_t depth = s.taps() * s.cg;
  with_windows<true>(s, x, [&](const auto& windows) {
    start<S>(queue, windows, Matrix<typename S::Element, false>{w, s.og, s.o, s.og, depth}, to, depth,
             slices_for(s, ConvWay::Forward, workspace));
  });
}
template <class S>
void conv_cores_to_input(Queue& queue, const ConvShape& s, const typename S::Element* dy, const typename S::Element* w,
                         const ResultOf<S>& to, void* workspace) {
  using E = typename S::Element;
  for (const Phase& phase : phases_of(s)) {
    start<S>(queue, Over<E>(phase.s, dy), Turned<E>(phase, w),
             PhaseResult<S>{to, Split(axes(phase.s, &Dim::size)), phase.pixels}, phase.s.taps() * s.og,
             slices_for(phase.s, ConvWay::ToInput, workspace));
  }
}
template <class S>
void conv_cores_to_filter(Queue& queue, const ConvShape& s, const typename S::Element* x, const typename S::Element* dy,
                          const ResultOf<S>& to, void* workspace) {
  with_windows<false>(s, x, [&](const auto& windows) {
    start<S>(queue, windows, Matrix<typename S::Element, false>{dy, s.og, s.o, s.og, s.results()}, to, s.results(),
             slices_for(s, ConvWay::ToFilter, workspace));
  });
}

#define CKERAS_CONV_CORES(S, E)                                                                               \
  template void conv_cores(Queue&, const ConvShape&, const E*, const E*, const ResultOf<S>&, void*);          \
  template void conv_cores_to_input(Queue&, const ConvShape&, const E*, const E*, const ResultOf<S>&, void*); \
  template void conv_cores_to_filter(Queue&, const ConvShape&, const E*, const E*, const ResultOf<S>&, void*);
CKERAS_CONV_CORES(Half<F16Bits>, uint16_t)
CKERAS_CONV_CORES(Half<BF16Bits>, uint16_t)
CKERAS_CONV_CORES(Plain<float>, float)
#define CKERAS_CONV_CORES_OF(E)                                \
  template bool conv_fits_cores<E>(const ConvShape&, ConvWay); \
  template int64_t conv_cores_workspace<E>(const ConvShape&, ConvWay);
CKERAS_CONV_CORES_OF(uint16_t)
CKERAS_CONV_CORES_OF(float)

}  // namespace ckeras::cuda
