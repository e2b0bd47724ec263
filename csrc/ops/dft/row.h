// The transform of one row of any size. Only for .isa.cpp files.
#pragma once
#include "ops/dft/matrix.h"
#include "ops/dft/pairs.h"

namespace ckeras::CKERAS_ISA {
namespace {

// Forward. Sizes with other factors than 2, 3, 5 and 7 after Bluestein.
template <class T>
class RowTransform {
 public:
  using V = VecOf<T>;
  static constexpr int64_t kLanes = V::kLanes;

  // Numbers of memory: the tables; of a row.
  static CKERAS_MEMBER int64_t tables(int64_t n, bool many) {
    const int64_t m = lane_size(n);
    return MatrixTransform<T>::tables(m, many) + (n == m ? 0 : 2 * (padded(n) + padded(m)));
  }
  static CKERAS_MEMBER int64_t work(int64_t n, bool many) {
    const int64_t m = lane_size(n);
    return MatrixTransform<T>::work(m, many) + (n == m ? 0 : 2 * padded(m));
  }

  RowTransform(int64_t n, bool many, T* memory)
      : n_(n), m_(lane_size(n)), matrix_(m_, many, memory), at_work_(MatrixTransform<T>::work(m_, many)) {
    T* const at = memory + MatrixTransform<T>::tables(m_, many);
    chirp_ = {at, at + padded(n)};
    filter_ = {at + 2 * padded(n), at + 2 * padded(n) + padded(m_)};
  }
  void fill(T* memory) const {
    matrix_.fill(memory);
    if (n_ == m_) return;
    const int64_t n = n_, m = m_;
    turns(chirp_, n, n, [n](int64_t k) __attribute__((always_inline)) { return square_modulo(k, 2 * n); });
    for (int64_t i = 0; i < m; ++i) filter_.re[i] = filter_.im[i] = 0;
    for (int64_t i = 0; i < n; ++i) {
      const int64_t mirrored = (m - i) % m;
      filter_.re[i] = filter_.re[mirrored] = chirp_.re[i];
      filter_.im[i] = filter_.im[mirrored] = -chirp_.im[i];
    }
    transform(memory, filter_);
  }

  // As MatrixTransform::run.
  template <class Read, class Write>
  void run(T* memory, const Read& read, const Write& write) const {
    if (n_ == m_) return matrix_.run(memory, read, write);
    const int64_t n = n_;
    const Complexes<T> z = convolved(memory), chirp = chirp_;
    for (int64_t i = 0; i < n; i += kLanes) {
      put(z, i, read(i, n - i) * some(chirp, i, n - i), n - i);
    }
    convolve(memory);
    const V scale(1 / static_cast<T>(m_));
    for (int64_t k = 0; k < n; k += kLanes) {
      const Lanes<T> v = some(z, k, n - k);
      write(k, Lanes<T>{v.re * scale, V(0) - v.im * scale} * some(chirp, k, n - k), n - k);
    }
  }

 private:
  static CKERAS_MEMBER int64_t padded(int64_t n) { return round_up(n, kLanes); }
  static CKERAS_MEMBER Lanes<T> some(Complexes<T> z, int64_t i, int64_t count) {
    return {load_some<V>(z.re + i, count), load_some<V>(z.im + i, count)};
  }
  static CKERAS_MEMBER void put(Complexes<T> z, int64_t i, Lanes<T> v, int64_t count) {
    store_some(z.re + i, v.re, count);
    store_some(z.im + i, v.im, count);
  }
  // The m numbers of the convolution.
  CKERAS_MEMBER Complexes<T> convolved(T* memory) const { return {memory + at_work_, memory + at_work_ + padded(m_)}; }
  void transform(T* memory, Complexes<T> z) const {
    matrix_.run(
        memory, [z](int64_t i, int64_t count) __attribute__((always_inline)) { return some(z, i, count); },
        [z](int64_t k, Lanes<T> v, int64_t count) __attribute__((always_inline)) { put(z, k, v, count); });
  }
  // With the filter, of n numbers and zeros; the results are conjugates, m times as large.
  void convolve(T* memory) const {
    const Complexes<T> z = convolved(memory);
    for (int64_t i = n_; i < m_; ++i) z.re[i] = z.im[i] = 0;
    transform(memory, z);
    for (int64_t i = 0; i < m_; i += kLanes) {  // the inverse by the conjugate
      const Lanes<T> v = some(z, i, m_ - i) * some(filter_, i, m_ - i);
      put(z, i, {v.re, V(0) - v.im}, m_ - i);
    }
    transform(memory, z);
  }

  int64_t n_, m_;
  MatrixTransform<T> matrix_;
  int64_t at_work_;
  Complexes<T> chirp_, filter_;
};

}  // namespace
}  // namespace ckeras::CKERAS_ISA
