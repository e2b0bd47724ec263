#include "cuda/conv_cores.h"

#include <initializer_list>

#include "cuda/tensor_core.h"

namespace ckeras::cuda {
namespace {

// n / d of 0 <= n < 2^31 as a product and a shift: with 2^bits the first power of two from d on, the factor is
// 2^(31 + bits) / d rounded up, and what it is too much by stays below one.
struct Divisor {
  uint32_t d, factor;
  int shift;

  explicit Divisor(int64_t by) : d(static_cast<uint32_t>(by)) {
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

// dy over the pixels of x: pixels by taps and filters.
template <class E>
struct Over {
  using Element = E;
  static constexpr bool kDeep = true;
  const E* base;
  Image<E> image;
  Taps taps;
  Split pixels;
  uint32_t count;
  Axes low, strides;
  Divisor z, y, x;
  int64_t group_step;

  Over(const ConvShape& s, const E* dy)
      : base(dy),
        image(dy, axes(s, &Dim::result), s.o),
        taps(s, s.og),
        pixels(axes(s, &Dim::size)),
        count(static_cast<uint32_t>(s.n * s.z.size * s.y.size * s.x.size)),
        low(axes(s, &Dim::low)),
        strides(axes(s, &Dim::stride)),
        z(s.z.stride),
        y(s.y.stride),
        x(s.x.stride),
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
    if (tap.at.z < 0) return nullptr;
    const Axes far = p.at - tap.at;
    if (far.z < 0 || far.y < 0 || far.x < 0) return nullptr;
    const auto over = [](const Divisor& d, int i) { return static_cast<int>(d.quotient(static_cast<uint32_t>(i))); };
    const Axes result = {over(z, far.z), over(y, far.y), over(x, far.x)}, back = result * strides;
    if (back.z != far.z || back.y != far.y || back.x != far.x) return nullptr;
    return image.at(result, p.offset + tap.offset);
  }
};

// The filters for it: channels by taps and filters.
template <class E>
struct Turned {
  using Element = E;
  static constexpr bool kDeep = true;
  const E* base;
  Divisor filters;
  int64_t channels, depth, step, group_step;

  Turned(const ConvShape& s, const E* w)
      : base(w), filters(s.og), channels(s.cg), depth(s.taps() * s.og), step(s.o), group_step(s.og) {}

  using Place = const E*;
  CKERAS_MEMBER Place place(int64_t group, int64_t i) const {
    return i < channels ? base + group * group_step + i * step : nullptr;
  }
  CKERAS_MEMBER const E* at(Place p, int64_t k) const {
    if (p == nullptr || k >= depth) return nullptr;
    uint32_t tap = static_cast<uint32_t>(k);
    const int filter = filters.take(&tap);
    return p + tap * channels * step + filter;
  }
};

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

template <class S, class Left, class Right>
void start(Queue& queue, const Left& left, const Right& right, const ResultOf<S>& to, int64_t depth,
           const Slices<float>& slices) {
  const CoreProduct<S, Left, Right> p = {left, right, to, depth, slices};
  slices.columns > kSide / 2 ? launch_core_product<kSide>(queue, p) : launch_core_product<kSide / 2>(queue, p);
}

}  // namespace

template <class E>
bool conv_fits_cores(const ConvShape& s) {
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
  return s.cg % kVector<E> == 0 && s.og % kVector<E> == 0 && near(s.z) && near(s.y) && near(s.x) &&
         small({s.n, s.z.size, s.y.size, s.x.size}) && small({s.z.size, s.y.size, s.x.size, s.c}) &&
         small({s.n, s.z.result, s.y.result, s.x.result}) && small({s.z.result, s.y.result, s.x.result, s.o}) &&
         small({s.z.window, s.y.window, s.x.window, s.c}) && small({s.z.window, s.y.window, s.x.window, s.o});
}

template <class E>
int64_t conv_cores_workspace(const ConvShape& s, ConvWay way) {
  return conv_fits_cores<E>(s) ? slices_for(s, way, nullptr).bytes() : 0;
}

template <class S>
void conv_cores(Queue& queue, const ConvShape& s, const typename S::Element* x, const typename S::Element* w,
                const ResultOf<S>& to, void* workspace) {
  using E = typename S::Element;
  const int64_t depth = s.taps() * s.cg;
  start(queue, Windows<E, true>(s, x), Matrix<E, false>{w, s.og, s.o, s.og, depth}, to, depth,
        slices_for(s, ConvWay::Forward, workspace));
}
template <class S>
void conv_cores_to_input(Queue& queue, const ConvShape& s, const typename S::Element* dy, const typename S::Element* w,
                         const ResultOf<S>& to, void* workspace) {
  using E = typename S::Element;
  start(queue, Over<E>(s, dy), Turned<E>(s, w), to, s.taps() * s.og, slices_for(s, ConvWay::ToInput, workspace));
}
template <class S>
void conv_cores_to_filter(Queue& queue, const ConvShape& s, const typename S::Element* x, const typename S::Element* dy,
                          const ResultOf<S>& to, void* workspace) {
  using E = typename S::Element;
  start(queue, Windows<E, false>(s, x), Matrix<E, false>{dy, s.og, s.o, s.og, s.results()}, to, s.results(),
        slices_for(s, ConvWay::ToFilter, workspace));
}

#define CKERAS_CONV_CORES(S, E)                                                                               \
  template void conv_cores(Queue&, const ConvShape&, const E*, const E*, const ResultOf<S>&, void*);          \
  template void conv_cores_to_input(Queue&, const ConvShape&, const E*, const E*, const ResultOf<S>&, void*); \
  template void conv_cores_to_filter(Queue&, const ConvShape&, const E*, const E*, const ResultOf<S>&, void*);
CKERAS_CONV_CORES(Half<F16Bits>, uint16_t)
CKERAS_CONV_CORES(Half<BF16Bits>, uint16_t)
CKERAS_CONV_CORES(Plain<float>, float)
#define CKERAS_CONV_CORES_OF(E)                       \
  template bool conv_fits_cores<E>(const ConvShape&); \
  template int64_t conv_cores_workspace<E>(const ConvShape&, ConvWay);
CKERAS_CONV_CORES_OF(uint16_t)
CKERAS_CONV_CORES_OF(float)

}  // namespace ckeras::cuda
