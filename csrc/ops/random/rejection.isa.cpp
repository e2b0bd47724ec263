// Eight elements at a time in the lanes of vectors. Those of a piece that an attempt leaves without a number wait in a
// list, so that the next attempts fill vectors too: which lane draws a number says nothing about its bits.
#include "ops/random/rejection.h"

#include "cpu/parallel.h"
#include "cpu/vmath.h"
#include "ops/storage.h"

namespace ckeras::CKERAS_ISA {
namespace {

constexpr int64_t kPiece = 256;  // elements of parallel work

CKERAS_INLINE V8 root(V8 x) { return sqrt(x); }
CKERAS_INLINE V8 whole(V8 x) { return floor(x); }
CKERAS_INLINE V8 chosen(M8 mask, V8 a, V8 b) { return select(mask, a, b); }

struct Lanes {
  static CKERAS_MEMBER V8 log(V8 x) { return CKERAS_ISA::log(x); }
  static CKERAS_MEMBER V8 exp(V8 x) { return CKERAS_ISA::exp(x); }
  static CKERAS_MEMBER V8 sqrt(V8 x) { return root(x); }
  static CKERAS_MEMBER V8 floor(V8 x) { return whole(x); }
  static CKERAS_MEMBER V8 cos_turn(V8 t) { return CKERAS_ISA::cos(t * V8(6.283185307179586477)); }
  static CKERAS_MEMBER V8 select(M8 mask, V8 a, V8 b) { return chosen(mask, a, b); }
  static CKERAS_MEMBER bool any(M8 mask) { return mask.any(); }
};

// The bits of eight 64-bit lanes as pairs of 32-bit ones, low half first, and back.
template <int N>
CKERAS_INLINE Reg<int32_t, 2 * N> as_pairs(Reg<int64_t, N> a) {
  return Reg<int32_t, 2 * N>::from((Raw<int32_t, 2 * N>)a.r);
}
template <int N>
CKERAS_INLINE Reg<int64_t, N / 2> as_wide(Reg<int32_t, N> a) {
  return Reg<int64_t, N / 2>::from((Raw<int64_t, N / 2>)a.r);
}
template <class H>
CKERAS_INLINE auto as_pairs(Pair<H> a) {
  return Pair<decltype(as_pairs(a.lo))>(as_pairs(a.lo), as_pairs(a.hi));
}
template <class H>
CKERAS_INLINE auto as_wide(Pair<H> a) {
  return Pair<decltype(as_wide(a.lo))>(as_wide(a.lo), as_wide(a.hi));
}

// Eight streams: RejectionStream is the definition.
struct Streams {
  uint32_t key0, key1;
  L8 i;
  struct Two {
    V8 a, b;
  };
  // In the even lanes; the odd ones hold anything.
  CKERAS_MEMBER Two block(uint32_t k) const {
    I16 a = as_pairs(i), b = odd_lanes(a), c(static_cast<int32_t>(k)), d(1);
    uint32_t k0 = key0, k1 = key1;
    CKERAS_UNROLL
    for (int round = 0; round < kPhiloxRounds; ++round) {
      const I16 p0 = mul_even(a, I16(static_cast<int32_t>(kPhiloxMultipliers[0])));
      const I16 p1 = mul_even(c, I16(static_cast<int32_t>(kPhiloxMultipliers[1])));
      a = odd_lanes(p1) ^ b ^ I16(static_cast<int32_t>(k0));
      b = p1;
      c = odd_lanes(p0) ^ d ^ I16(static_cast<int32_t>(k1));
      d = p0;
      k0 += kPhiloxWeyl[0];
      k1 += kPhiloxWeyl[1];
    }
    return {unit(a, b), unit(c, d)};
  }

 private:
  // Both halves of 53 bits are exact, and so is their sum.
  static CKERAS_MEMBER V8 unit(I16 high, I16 low) {
    const V8 upper = to_float(as_wide(high) & L8(0xffffffff));
    const V8 lower = to_float(shift_right_logical(as_wide(low) & L8(0xffffffff), 11));
    return (fma(upper, V8(0x1p21), lower) + V8(0.5)) * V8(0x1p-53);
  }
};

// Elements of a piece by their places in it, with kValues numbers each.
template <int kValues>
struct List {
  int64_t n = 0, places[kPiece];
  double values[kValues][kPiece];

  // Adds those of the first `count` lanes that are in the mask.
  CKERAS_MEMBER void add(int64_t count, const int64_t* from, M8 mask, const V8 (&added)[kValues]) {
    uint8_t chosen[8];
    double lanes[kValues][8];
    mask.store_bytes(chosen);
    for (int i = 0; i < kValues; ++i) added[i].store(lanes[i]);
    for (int64_t lane = 0; lane < count; ++lane) {
      if (chosen[lane] == 0) continue;
      places[n] = from[lane];
      for (int i = 0; i < kValues; ++i) values[i][n] = lanes[i][lane];
      ++n;
    }
  }
};

// Eight elements of a list from the j-th on; lanes past its end repeat the last one.
template <int kValues>
struct Eight {
  int64_t n, places[8];
  V8 values[kValues];

  CKERAS_MEMBER Eight(const List<kValues>& list, int64_t j) : n(least(int64_t{8}, list.n - j)) {
    if (n == 8) {
      L8::load(list.places + j).store(places);
      for (int i = 0; i < kValues; ++i) values[i] = V8::load(list.values[i] + j);
      return;
    }
    double lanes[kValues][8];
    for (int64_t lane = 0; lane < 8; ++lane) {
      const int64_t at = least(j + lane, list.n - 1);
      places[lane] = list.places[at];
      for (int i = 0; i < kValues; ++i) lanes[i][lane] = list.values[i][at];
    }
    for (int i = 0; i < kValues; ++i) values[i] = V8::load(lanes[i]);
  }
};

// What a piece draws: elements begin ... of the output, n of them and padding to whole vectors, whose parameters are
// NaN.
struct Piece {
  const uint32_t* seed;
  int64_t begin, n;
  double* numbers;

  CKERAS_MEMBER Streams streams(L8 places) const { return {seed[0], seed[1], places + L8(begin)}; }
  template <class E>
  CKERAS_MEMBER Streams streams(const E& e) const {
    return streams(L8::load(e.places));
  }
  template <class E>
  CKERAS_MEMBER void put(const E& e, V8 number) const {
    double lanes[8];
    number.store(lanes);
    for (int64_t lane = 0; lane < e.n; ++lane) numbers[e.places[lane]] = lanes[lane];
  }
  // Adds the elements j ... j + 7 that are in the mask.
  template <int kValues>
  CKERAS_MEMBER static void enlist(List<kValues>& list, int64_t j, M8 mask, const V8 (&values)[kValues]) {
    int64_t places[8];
    L8::iota(j).store(places);
    list.add(8, places, mask, values);
  }
};

// attempt(k, now, next): attempt k of the elements in `now`, those of lists[0] first, which adds those that need
// another to `next`.
template <int kValues, class Attempt>
CKERAS_INLINE void repeat(List<kValues> (&lists)[2], const Attempt& attempt) {
  for (uint32_t k = 0; k < kMaxAttempts && lists[k % 2].n > 0; ++k) {
    lists[(k + 1) % 2].n = 0;
    attempt(k, lists[k % 2], lists[(k + 1) % 2]);
  }
}

struct Gamma {
  static constexpr int kParameters = 1;

  static CKERAS_MEMBER M8 valid(V8 alpha) { return (alpha > V8(0)) & (alpha < V8(1e300)); }

  static void draw(const Piece& piece, const double (&parameters)[1][kPiece]) {
    const double* alpha = parameters[0];
    List<1> lists[2];
    for (int64_t j = 0; j < piece.n; j += 8) {
      const V8 a = V8::load(alpha + j), d = select(a < V8(1), a + V8(1), a) - V8(1.0 / 3);
      d.store(piece.numbers + j);
      Piece::enlist(lists[0], j, valid(a), {d});
    }
    repeat(lists, [&](uint32_t k, const List<1>& now, List<1>& next) __attribute__((always_inline)) {
      for (int64_t j = 0; j < now.n; j += 8) {
        const Eight<1> e(now, j);
        const Streams streams = piece.streams(e);
        const auto normal = streams.block(2 * k), uniform = streams.block(2 * k + 1);
        V8 number;
        const M8 taken = try_gamma<Lanes, V8>(e.values[0], normal.a, normal.b, uniform.a, &number);
        piece.put(e, select(taken, number, e.values[0]));
        next.add(e.n, e.places, !taken, e.values);
      }
    });
    for (int64_t j = 0; j < piece.n; j += 8) {
      const V8 a = V8::load(alpha + j);
      V8 number = V8::load(piece.numbers + j);
      if ((a < V8(1)).any()) {
        const V8 u = piece.streams(L8::iota(j)).block(uint32_t{1} << 31).a;
        number = select(a < V8(1), exp(log(number) + log(u) / a), number);
      }
      select(valid(a), number, V8(__builtin_nan(""))).store(piece.numbers + j);
    }
  }
};

struct Binomial {
  static constexpr int kParameters = 2;

  static CKERAS_MEMBER M8 valid(V8 count, V8 p) {
    return (count >= V8(0)) & (count < V8(1e300)) & (p >= V8(0)) & (p <= V8(1));
  }
  static CKERAS_MEMBER V8 rarer(V8 p) { return select(p > V8(0.5), V8(1) - p, p); }

  static void draw(const Piece& piece, const double (&parameters)[2][kPiece]) {
    List<2> few, lists[2];
    for (int64_t j = 0; j < piece.n; j += 8) {
      const V8 count = V8::load(parameters[0] + j), p = V8::load(parameters[1] + j);
      const V8 n = floor(count), rare = rarer(p);
      const M8 inverted = n * rare < V8(kInvertedMean);
      floor(n * rare).store(piece.numbers + j);
      Piece::enlist(few, j, valid(count, p) & inverted, {n, rare});
      Piece::enlist(lists[0], j, valid(count, p) & (!inverted), {n, rare});
    }
    for (int64_t j = 0; j < few.n; j += 8) {
      const Eight<2> e(few, j);
      piece.put(e, invert_binomial<Lanes, V8>(piece.streams(e).block(0).a, e.values[0], e.values[1]));
    }
    repeat(lists, [&](uint32_t k, const List<2>& now, List<2>& next)
                      __attribute__((always_inline)) { attempt(piece, k, now, next); });
    for (int64_t j = 0; j < piece.n; j += 8) {
      const V8 count = V8::load(parameters[0] + j), p = V8::load(parameters[1] + j);
      const V8 k = V8::load(piece.numbers + j);
      const V8 number = select(p > V8(0.5), floor(count) - k, k);
      select(valid(count, p), number, V8(__builtin_nan(""))).store(piece.numbers + j);
    }
  }

 private:
  // The few that need the distribution wait for one another, too.
  static CKERAS_MEMBER void attempt(const Piece& piece, uint32_t k, const List<2>& now, List<2>& next) {
    List<5> doubtful;
    for (int64_t j = 0; j < now.n; j += 8) {
      const Eight<2> e(now, j);
      const BinomialHat<Lanes, V8> hat(e.values[0], e.values[1]);
      const auto drawn = piece.streams(e).block(k);
      const V8 u = drawn.a - V8(0.5), number = hat.number(u);
      const M8 sure = hat.surely(u, drawn.b), open = !sure, outside = hat.outside(number);
      piece.put(e, select(sure, number, floor(hat.n * hat.p)));
      next.add(e.n, e.places, open & outside, e.values);
      doubtful.add(e.n, e.places, open & (!outside), {hat.n, hat.p, u, drawn.b, number});
    }
    for (int64_t j = 0; j < doubtful.n; j += 8) {
      const Eight<5> e(doubtful, j);
      const BinomialHat<Lanes, V8> hat(e.values[0], e.values[1]);
      const M8 taken = hat.taken(e.values[2], e.values[3], e.values[4]);
      piece.put(e, select(taken, e.values[4], floor(hat.n * hat.p)));
      next.add(e.n, e.places, !taken, {hat.n, hat.p});
    }
  }
};

template <class D>
void generate(const Call& call) noexcept {
  with_storage(call.out[0].dtype, [&](auto s) {
    using S = decltype(s);
    using E = typename S::Element;
    E* to = call.out[0].as<E>();
    parallel_for(call.out[0].size(), kPiece, [&](int64_t begin, int64_t end) {
      const int64_t n = end - begin;
      double parameters[D::kParameters][kPiece], numbers[kPiece];
      for (int i = 0; i < D::kParameters; ++i) {
        const E* from = call.in[1 + i].as<const E>() + begin;
        for (int64_t j = 0; j < n; ++j) parameters[i][j] = static_cast<double>(S::get(from[j]));
        for (int64_t j = n; j % 8 != 0; ++j) parameters[i][j] = __builtin_nan("");
      }
      D::draw({call.in[0].as<const uint32_t>(), begin, n, numbers}, parameters);
      for (int64_t j = 0; j < n; ++j) to[begin + j] = S::put(static_cast<typename S::T>(numbers[j]));
    });
  });
}

}  // namespace

extern const Kernel kernel_random_gamma, kernel_random_binomial;
constinit const Kernel kernel_random_gamma = {generate<Gamma>, nullptr, nullptr};
constinit const Kernel kernel_random_binomial = {generate<Binomial>, nullptr, nullptr};

}  // namespace ckeras::CKERAS_ISA
