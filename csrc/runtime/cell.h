// A variable's storage. Threads may share it: a Program that writes a cell holds its lock for the whole run, so nobody
// sees half a step.
#pragma once
#include <mutex>

#include "runtime/array.h"

namespace ckeras {

class Cell {
 public:
  explicit Cell(Array array) : array_(std::move(array)) {}

  std::mutex& mutex() { return mutex_; }

  // The caller holds the mutex for these.
  const Array& array() const { return array_; }
  // `array` has the cell's shape and dtype.
  void replace(Array array) { array_ = std::move(array); }
  // Memory that nobody else holds, with the present value when `keep`.
  View writable(bool keep) {
    if (!array_.storage->exclusive()) {
      array_ = keep ? Array::copy_of(array_.view)
                    : Array::empty({array_.view.shape, static_cast<size_t>(array_.view.rank)}, array_.view.dtype);
    }
    return array_.view;
  }

 private:
  std::mutex mutex_;
  Array array_;
};

}  // namespace ckeras
