#include "runtime/control.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

namespace ckeras {
namespace {

using Clock = std::chrono::steady_clock;
using Blocks = std::span<const std::shared_ptr<const Block>>;
constexpr auto kPollInterval = std::chrono::milliseconds(10);

std::atomic<bool (*)()> interrupt_check{nullptr};

[[noreturn]] void refuse(const char* op, const std::string& message) {
  throw std::invalid_argument(std::string("Program: ") + op + ": " + message);
}

int64_t aligned(int64_t bytes) { return (bytes + kAlignment - 1) / kAlignment * kAlignment; }

std::shared_ptr<const Block> block_at(const char* op, int64_t number, Blocks blocks) {
  if (number < 0 || number >= static_cast<int64_t>(blocks.size())) {
    refuse(op, "block " + std::to_string(number) + " is out of range: there are " + std::to_string(blocks.size()));
  }
  return blocks[number];
}

void fit(const char* op, const char* what, size_t i, const View& given, const View& wanted) {
  if (given.dtype == wanted.dtype && given.size() == wanted.size()) return;
  refuse(op, std::string(what) + " " + std::to_string(i) + " is " + describe(given) + " where " + describe(wanted) +
                 " is expected");
}

// The block takes values like `in` and gives values like `out`; it reads no cells.
void fit(const char* op, const Block& block, std::span<const View> in, std::span<const View> out) {
  if (block.inputs().size() > in.size()) refuse(op, "a block takes more inputs than it gets");
  for (size_t i = 0; i < block.inputs().size(); ++i) {
    if (block.inputs()[i]) fit(op, "input", i, in[i], block.inputs()[i]->view);
  }
  if (block.spec().outputs.size() != out.size()) {
    refuse(op, "a block gives " + std::to_string(block.spec().outputs.size()) + " values, expected " +
                   std::to_string(out.size()));
  }
  for (size_t i = 0; i < out.size(); ++i) {
    fit(op, "output", i, block.spec().slots[block.spec().outputs[i]].view, out[i]);
  }
  for (const Slot& slot : block.spec().slots) {
    if (slot.kind == SlotKind::Cell) refuse(op, "a block cannot read a cell; pass its value");
  }
}

// One row of a stack [length, ...].
View row_of(const char* op, const View& stack, int64_t length) {
  if (stack.rank == 0 || stack.shape[0] != length) {
    refuse(op, describe(stack) + " does not have " + std::to_string(length) + " rows");
  }
  View row = stack;
  --row.rank;
  std::copy(stack.shape + 1, stack.shape + stack.rank, row.shape);
  return row;
}

void check_scalar(const char* op, const char* what, const View& view, DType dtype) {
  if (view.dtype != dtype || view.size() != 1) {
    refuse(op, std::string(what) + " must be one " + name_of(dtype) + ", got " + describe(view));
  }
}

class Switch : public Control {
 public:
  Switch(std::span<const View> in, std::span<const View> out, std::span<const int64_t> ints, Blocks blocks)
      : n_out_(out.size()) {
    if (in.empty() || ints.empty()) refuse(name(), "needs an index and a branch");
    check_scalar(name(), "the index", in[0], DType::I32);
    for (const int64_t number : ints) {
      branches_.push_back(block_at(name(), number, blocks));
      fit(name(), *branches_.back(), in.subspan(1), out);
      bytes_ = std::max(bytes_, BlockRun::bytes(*branches_.back()));
    }
  }

  const char* name() const override { return "switch"; }
  int64_t workspace_bytes() const override { return bytes_; }

  void run(const View* in, const View* out, void* workspace, Fault* fault) const override {
    const int64_t last = static_cast<int64_t>(branches_.size()) - 1;
    const Block& branch = *branches_[std::clamp<int64_t>(*in[0].as<int32_t>(), 0, last)];
    BlockRun run(branch, workspace);
    for (size_t i = 0; i < branch.inputs().size(); ++i) run.set_input(i, in[i + 1].data);
    for (size_t i = 0; i < n_out_; ++i) run.set_output(i, out[i].data);
    run.run(fault);
  }

 private:
  std::vector<std::shared_ptr<const Block>> branches_;
  size_t n_out_;
  int64_t bytes_ = 0;
};

class Loop : public Control {
 public:
  Loop(std::span<const View> in, std::span<const View> out, std::span<const int64_t> ints, Blocks blocks) {
    if (ints.size() != 7) refuse(name(), "has 7 ints, got " + std::to_string(ints.size()));
    body_ = block_at(name(), ints[0], blocks);
    if (ints[1] != -1) while_ = block_at(name(), ints[1], blocks);
    length_ = ints[4];
    counted_ = ints[5] != 0;
    reverse_ = ints[6] != 0;
    const auto n_in = static_cast<int64_t>(in.size()) - counted_;
    const auto n_out = static_cast<int64_t>(out.size());
    if (n_in < 0 || n_out < 1 || length_ > INT32_MAX || ints[2] < 0 || ints[3] < 0 || ints[2] > n_in ||
        ints[3] > n_in - ints[2] || ints[2] >= n_out || length_ < -1 ||
        (length_ == -1 && (ints[3] > 0 || n_out > ints[2] + 1))) {
      refuse(name(),
             "the ints do not fit " + std::to_string(in.size()) + " inputs and " + std::to_string(n_out) + " outputs");
    }
    if (length_ == -1 && !while_ && !counted_) refuse(name(), "would never end");
    n_carry_ = static_cast<size_t>(ints[2]);
    n_rows_ = static_cast<size_t>(ints[3]);
    n_constants_ = static_cast<size_t>(n_in) - n_carry_ - n_rows_;
    n_stacks_ = out.size() - 1 - n_carry_;
    if (counted_) check_scalar(name(), "the count", in.back(), DType::I32);
    check_scalar(name(), "the number of turns", out[0], DType::I32);

    std::vector<View> takes(in.begin(), in.begin() + static_cast<int64_t>(n_constants_ + n_carry_));
    if (while_) {
      View yes{};
      yes.dtype = DType::Bool;
      fit(name(), *while_, takes, {&yes, 1});
    }
    std::vector<View> gives(takes.end() - static_cast<int64_t>(n_carry_), takes.end());
    for (size_t i = 0; i < n_carry_; ++i) fit(name(), "carried value", i, out[1 + i], gives[i]);
    for (size_t i = 0; i < n_rows_; ++i) takes.push_back(row_of(name(), in[n_constants_ + n_carry_ + i], length_));
    for (size_t i = 0; i < n_stacks_; ++i) gives.push_back(row_of(name(), out[1 + n_carry_ + i], length_));
    fit(name(), *body_, takes, gives);
    for (size_t i = 0; i < n_rows_; ++i) row_bytes_.push_back(takes[n_constants_ + n_carry_ + i].nbytes());
    for (size_t i = 0; i < n_stacks_; ++i) stack_bytes_.push_back(gives[n_carry_ + i].nbytes());

    body_at_ = while_ ? kAlignment + BlockRun::bytes(*while_) : kAlignment;  // the condition's result, the condition
    int64_t at = body_at_ + BlockRun::bytes(*body_);
    for (size_t i = 0; i < n_carry_; ++i) {
      carry_bytes_.push_back(gives[i].nbytes());
      carry_at_.push_back(at);
      at += aligned(carry_bytes_.back());
    }
    bytes_ = at;
  }

  const char* name() const override { return "loop"; }
  int64_t workspace_bytes() const override { return bytes_; }

  void run(const View* in, const View* out, void* workspace, Fault* fault) const override {
    char* memory = static_cast<char*>(workspace);
    const View* carry_in = in + n_constants_;
    const View* rows = carry_in + n_carry_;
    const View* stacks = out + 1 + n_carry_;
    int64_t limit = length_ == -1 ? INT32_MAX : length_;
    if (counted_) limit = std::clamp<int64_t>(*rows[n_rows_].as<int32_t>(), 0, limit);
    BlockRun body(*body_, memory + body_at_);
    std::optional<BlockRun> check;
    bool* yes = reinterpret_cast<bool*>(memory);
    if (while_) {
      check.emplace(*while_, memory + kAlignment);
      check->set_output(0, yes);
    }
    const size_t body_inputs = body_->inputs().size(), check_inputs = while_ ? while_->inputs().size() : 0;
    for (size_t i = 0; i < n_constants_; ++i) {
      if (i < body_inputs) body.set_input(i, in[i].data);
      if (i < check_inputs) check->set_input(i, in[i].data);
    }

    // The carry alternates between the outputs and the workspace, so that the last of `limit` turns ends in the
    // outputs.
    const auto carried = [&](int64_t t, size_t i) -> void* {
      if (t == 0) return carry_in[i].data;
      return (limit - t) % 2 == 0 ? out[1 + i].data : memory + carry_at_[i];
    };
    int64_t t = 0;
    auto polled = Clock::now();
    for (;; ++t) {
      for (size_t i = 0; i < n_carry_; ++i) {
        if (n_constants_ + i < body_inputs) body.set_input(n_constants_ + i, carried(t, i));
        if (n_constants_ + i < check_inputs) check->set_input(n_constants_ + i, carried(t, i));
      }
      if (t == limit) break;
      if (check) {
        check->run(fault);
        if (fault->code) return;
        if (!*yes) break;
      }
      const int64_t row = reverse_ ? limit - 1 - t : t;
      for (size_t i = 0; i < n_rows_; ++i) {
        const size_t input = n_constants_ + n_carry_ + i;
        if (input < body_inputs) body.set_input(input, rows[i].as<char>() + row * row_bytes_[i]);
      }
      for (size_t i = 0; i < n_carry_; ++i) body.set_output(i, carried(t + 1, i));
      for (size_t i = 0; i < n_stacks_; ++i) {
        body.set_output(n_carry_ + i, stacks[i].as<char>() + row * stack_bytes_[i]);
      }
      body.run(fault);
      if (fault->code) return;
      if (const auto now = Clock::now(); now - polled >= kPollInterval) {
        polled = now;
        bool (*interrupted)() = interrupt_check.load(std::memory_order_relaxed);
        if (interrupted && interrupted()) {
          fault->code = kInterrupted;
          return;
        }
      }
    }
    *out[0].as<int32_t>() = static_cast<int32_t>(t);
    for (size_t i = 0; i < n_carry_; ++i) {
      const void* last = carried(t, i);
      if (last != out[1 + i].data && carry_bytes_[i]) {
        std::memcpy(out[1 + i].data, last, static_cast<size_t>(carry_bytes_[i]));
      }
    }
    clear_rest(stacks, t, limit);
  }

 private:
  // Rows of turns that were not taken: those after the last, also where the loop is reversed (then all of `limit` are).
  void clear_rest(const View* stacks, int64_t turns, int64_t limit) const {
    const int64_t from = reverse_ ? limit : turns;
    for (size_t i = 0; i < n_stacks_; ++i) {
      if (const int64_t bytes = (length_ - from) * stack_bytes_[i]; bytes > 0) {
        std::memset(stacks[i].as<char>() + from * stack_bytes_[i], 0, static_cast<size_t>(bytes));
      }
    }
  }

  std::shared_ptr<const Block> body_, while_;
  int64_t length_ = 0;
  bool counted_ = false, reverse_ = false;
  size_t n_constants_ = 0, n_carry_ = 0, n_rows_ = 0, n_stacks_ = 0;
  std::vector<int64_t> row_bytes_, stack_bytes_, carry_bytes_;
  std::vector<int64_t> carry_at_;  // the second place of each carried value, in the workspace
  int64_t body_at_ = 0, bytes_ = 0;
};

}  // namespace

void set_interrupt_check(bool (*interrupted)()) { interrupt_check.store(interrupted, std::memory_order_relaxed); }

std::shared_ptr<const Control> make_control(int op, std::span<const View> in, std::span<const View> out,
                                            std::span<const int64_t> ints, Blocks blocks) {
  if (op == kSwitchOp) return std::make_shared<const Switch>(in, out, ints, blocks);
  return std::make_shared<const Loop>(in, out, ints, blocks);
}

}  // namespace ckeras
