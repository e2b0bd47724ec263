// The rules of the optimizers for one element, written once for vectors and for the reference's numbers.
//
// step(p, g, s, k) gives the new p; s holds the kSlots slots, which become the new ones; k the kScalars inputs of rank
// 0 and then the kFloats attributes, in the order that each rule names. Each operation rounds.
#pragma once
#include "base/inline.h"

namespace ckeras::CKERAS_ISA {

// k: lr, momentum
struct SgdRule {
  static constexpr int kScalars = 1, kSlots = 0, kFloats = 1;
  template <class V>
  static CKERAS_MEMBER V step(V p, V g, V*, const V* k) {
    return p - k[0] * g;
  }
};
// s: m
template <bool kNesterov>
struct MomentumRule {
  static constexpr int kScalars = 1, kSlots = 1, kFloats = 1;
  template <class V>
  static CKERAS_MEMBER V step(V p, V g, V* s, const V* k) {
    const V scaled = k[0] * g;
    s[0] = k[1] * s[0] - scaled;
    return p + (kNesterov ? k[1] * s[0] - scaled : s[0]);
  }
};

// s: m, v and, with kLargest, the largest v so far. k: alpha, 1 - beta1, 1 - beta2, epsilon
template <bool kLargest>
struct AdamRule {
  static constexpr int kScalars = 1, kSlots = kLargest ? 3 : 2, kFloats = 3;
  template <class V>
  static CKERAS_MEMBER V step(V p, V g, V* s, const V* k) {
    s[0] = s[0] + (g - s[0]) * k[1];
    s[1] = s[1] + (g * g - s[1]) * k[2];
    if (kLargest) s[kSlots - 1] = max(s[kSlots - 1], s[1]);
    return p - k[0] * s[0] / (sqrt(s[kSlots - 1]) + k[3]);
  }
};

// s: v[, momentum][, mean of g]. k: lr, rho, 1 - rho, momentum, epsilon
template <bool kMomentum, bool kCentered>
struct RmspropRule {
  static constexpr int kScalars = 1, kSlots = 1 + kMomentum + kCentered, kFloats = 4;
  template <class V>
  static CKERAS_MEMBER V step(V p, V g, V* s, const V* k) {
    s[0] = s[0] * k[1] + g * g * k[2];
    V spread = s[0] + k[4];
    if (kCentered) {
      V& mean = s[kSlots - 1];
      mean = mean * k[1] + g * k[2];
      spread = spread - mean * mean;
    }
    const V moved = k[0] * g / sqrt(spread);
    if (!kMomentum) return p - moved;
    s[1] = s[1] * k[3] + moved;
    return p - s[1];
  }
};

// s: sum of g^2. k: lr, epsilon
struct AdagradRule {
  static constexpr int kScalars = 1, kSlots = 1, kFloats = 1;
  template <class V>
  static CKERAS_MEMBER V step(V p, V g, V* s, const V* k) {
    s[0] = s[0] + g * g;
    return p - k[0] * g / sqrt(s[0] + k[1]);
  }
};

// s: mean of g^2, mean of squared steps. k: lr, rho, 1 - rho, epsilon
struct AdadeltaRule {
  static constexpr int kScalars = 1, kSlots = 2, kFloats = 3;
  template <class V>
  static CKERAS_MEMBER V step(V p, V g, V* s, const V* k) {
    s[0] = s[0] * k[1] + g * g * k[2];
    const V moved = sqrt(s[1] + k[3]) * g / sqrt(s[0] + k[3]);
    s[1] = s[1] * k[1] + moved * moved * k[2];
    return p - k[0] * moved;
  }
};

// s: m, u. k: lr / (1 - beta1^t), 1 - beta1, beta2, epsilon
struct AdamaxRule {
  static constexpr int kScalars = 1, kSlots = 2, kFloats = 3;
  template <class V>
  static CKERAS_MEMBER V step(V p, V g, V* s, const V* k) {
    s[0] = s[0] + (g - s[0]) * k[1];
    s[1] = max(s[1] * k[2], abs(g));
    return p - k[0] * s[0] / (s[1] + k[3]);
  }
};

// s: m, v. k: lr, share of m, share of g, share of v, 1 - beta1, 1 - beta2, epsilon
struct NadamRule {
  static constexpr int kScalars = 4, kSlots = 2, kFloats = 3;
  template <class V>
  static CKERAS_MEMBER V step(V p, V g, V* s, const V* k) {
    s[0] = s[0] + (g - s[0]) * k[4];
    s[1] = s[1] + (g * g - s[1]) * k[5];
    return p - k[0] * (s[0] * k[1] + g * k[2]) / (sqrt(s[1] * k[3]) + k[6]);
  }
};

// s: m. k: lr, beta1, 1 - beta1, beta2, 1 - beta2
struct LionRule {
  static constexpr int kScalars = 1, kSlots = 1, kFloats = 4;
  template <class V>
  static CKERAS_MEMBER V step(V p, V g, V* s, const V* k) {
    const V way = s[0] * k[1] + g * k[2];
    s[0] = s[0] * k[3] + g * k[4];
    return p - k[0] * select(way > V(0), V(1), select(way < V(0), V(-1), way));
  }
};

// Steps of z; x is the mean of all z, p lies between both. s: z, v. k: lr, 1 / (1 - beta2^t), 1 / t, beta1, 1 - beta1,
// 1 - beta2, epsilon
struct ScheduleFreeRule {
  static constexpr int kScalars = 3, kSlots = 2, kFloats = 4;
  template <class V>
  static CKERAS_MEMBER V step(V p, V g, V* s, const V* k) {
    V x = (p - k[4] * s[0]) / k[3];
    s[1] = s[1] + (g * g - s[1]) * k[5];
    s[0] = s[0] - k[0] * g / (sqrt(s[1] * k[1]) + k[6]);
    x = x + (s[0] - x) * k[2];
    return k[4] * s[0] + k[3] * x;
  }
};

// s: n, z. k: lr, 2 * l2 + beta / lr, power, l1, 2 * shrinkage
struct FtrlRule {
  static constexpr int kScalars = 2, kSlots = 2, kFloats = 3;
  template <class V>
  static CKERAS_MEMBER V step(V p, V g, V* s, const V* k) {
    const V sum = s[0] + g * g, root = pow(sum, V(0) - k[2]);
    s[1] = s[1] + (g + k[4] * p) - (root - pow(s[0], V(0) - k[2])) / k[0] * p;
    s[0] = sum;
    return (min(max(s[1], V(0) - k[3]), k[3]) - s[1]) / (root / k[0] + k[1]);
  }
};

}  // namespace ckeras::CKERAS_ISA
