// lstm, gru, simple_rnn and their gradients against the references, and the same bits on every instruction set and
// thread count.
#include "ops/rnn/rnn.h"

#include "gemm/testing.h"

using namespace ckeras;
using namespace ckeras::testing;

namespace {

struct Problem {
  const char* op;
  int64_t gates, states;
  bool after;
};

using Shapes = std::vector<std::vector<int64_t>>;

// The op's results; every byte of them starts as garbage (NaN).
std::vector<Array> run_all(cpu::Isa isa, const std::string& op, const std::vector<Array>& in, DType dtype,
                           const Shapes& shapes, const std::vector<int64_t>& ints) {
  const Kernel* kernel = kernel_for(isa, op_id(op.c_str()));
  std::vector<Array> outs;
  std::vector<View> in_views, out_views;
  for (const auto& shape : shapes) {
    outs.emplace_back(dtype, shape);
    if (!outs.back().bytes.empty()) std::memset(outs.back().bytes.data(), 0xff, outs.back().bytes.size());
  }
  for (const Array& a : outs) out_views.push_back(a.view);
  for (const Array& a : in) in_views.push_back(a.view);
  Fault fault;
  Call call{in_views.data(),
            out_views.data(),
            static_cast<int32_t>(in_views.size()),
            static_cast<int32_t>(out_views.size()),
            ints.data(),
            nullptr,
            static_cast<int32_t>(ints.size()),
            0,
            nullptr,
            &fault};
  const Workspace workspace(*kernel, call);
  call.workspace = workspace.data();
  const cpu::FlushDenormals flush;
  kernel->run(call);
  return outs;
}

// Every instruction set and some numbers of threads; gives the reference's results, or without one (kCompares) the
// first that come.
std::vector<Array> check_all(const std::string& what, const std::string& op, const std::vector<Array>& in, DType dtype,
                             const Shapes& shapes, const std::vector<int64_t>& ints, double tolerance) {
  std::vector<Array> expected;
  if (kCompares) expected = run_all(cpu::Isa::Reference, op, in, dtype, shapes, ints);
  std::vector<std::vector<char>> first;
  for (cpu::Isa isa : cpu::supported_isas()) {
    if (isa == cpu::Isa::Reference) continue;
    for (int threads : thread_counts()) {
      cpu::set_num_threads(threads);
      std::vector<Array> got = run_all(isa, op, in, dtype, shapes, ints);
      if (!kCompares) {
        if (expected.empty()) expected = std::move(got);
        continue;
      }
      const std::string where =
          what + ' ' + op + " on " + cpu::name_of(isa) + ", " + std::to_string(threads) + " threads";
      for (size_t k = 0; k < got.size(); ++k) {
        double scale = 1;
        for (int64_t i = 0; i < got[k].view.size(); ++i) scale = std::max(scale, std::abs(expected[k].at(i)));
        for (int64_t i = 0; i < got[k].view.size(); ++i) {
          if (std::abs(got[k].at(i) - expected[k].at(i)) <= tolerance * scale) continue;
          std::cerr << where << ": output " << k << ", element " << i << " is " << got[k].at(i) << ", expected "
                    << expected[k].at(i) << '\n';
          CHECK(false);
          break;
        }
      }
      if (isa == cpu::Isa::Baseline) continue;
      for (size_t k = 0; k < got.size(); ++k) {
        if (k == first.size()) first.push_back(got[k].bytes);
        if (got[k].bytes != first[k]) std::cerr << where << ": output " << k << " has other bits\n";
        CHECK(got[k].bytes == first[k]);
      }
    }
  }
  return expected;
}

void check_problem(const Problem& problem, DType dtype, int64_t b, int64_t t, int64_t i, int64_t u, bool reversed,
                   bool masked) {
  const int64_t w = problem.gates * u;
  const double tolerance = (dtype == DType::F64 ? 0x1p-52 : 0x1p-23) * 64 * static_cast<double>(t + 1);
  std::vector<Array> in = {random_array(dtype, {b, t, i}, 1)};
  for (int64_t k = 0; k < problem.states; ++k) in.push_back(random_array(dtype, {b, u}, 2 + k));
  in.push_back(random_array(dtype, {i, w}, 5));
  in.push_back(random_array(dtype, {u, w}, 6));
  for (size_t k = in.size() - 2; k < in.size(); ++k) {
    const double scale = 1 / std::sqrt(static_cast<double>(std::max<int64_t>(1, in[k].view.shape[0])));
    for (int64_t e = 0; e < in[k].view.size(); ++e) in[k].set(e, in[k].at(e) * scale);
  }
  const std::vector<int64_t> bias_shape = problem.after ? std::vector<int64_t>{2, w} : std::vector<int64_t>{w};
  in.push_back(random_array(dtype, bias_shape, 7));
  Array mask(DType::Bool, {b, t});
  for (int64_t p = 0; p < b * t; ++p) mask.bytes[p] = p * 7 % 5 != 0;
  const std::vector<Array> weights(in.begin(), in.end() - 1);
  if (masked) in.push_back(mask);

  const bool lstm = problem.states == 2, simple = problem.gates == 1;
  Shapes shapes = {{b, t, u}, {b, u}};
  if (lstm) shapes.insert(shapes.end(), {{b, u}, {b, t, u}});
  if (!simple) shapes.push_back({b, t, 4 * u});
  std::string what = name_of(dtype);
  for (int64_t value : {b, t, i, u, int64_t{problem.after}, int64_t{reversed}, int64_t{masked}}) {
    what += ' ' + std::to_string(value);
  }
  const std::vector<Array> out =
      check_all(what, problem.op, in, dtype, shapes, {reversed, masked, problem.after}, tolerance);

  for (int wants = 0; wants < 4; ++wants) {  // has gy, wants dx
    const bool has_gy = wants % 2 != 0, wants_dx = wants / 2 != 0;
    std::vector<Array> args(weights.begin(), weights.end());
    args.push_back(out[0]);
    for (size_t k = 1 + problem.states; k < out.size(); ++k) args.push_back(out[k]);
    for (int64_t k = 0; k < problem.states; ++k) args.push_back(random_array(dtype, {b, u}, 11 + k));
    if (masked) args.push_back(mask);
    if (has_gy) args.push_back(random_array(dtype, {b, t, u}, 13));
    Shapes grads(problem.states, std::vector<int64_t>{b, u});
    grads.insert(grads.end(), {{i, w}, {u, w}, bias_shape});
    if (wants_dx) grads.push_back({b, t, i});
    check_all(what, std::string(problem.op) + "_grad", args, dtype, grads,
              {reversed, masked, problem.after, has_gy, wants_dx}, tolerance);
  }
}

}  // namespace

int main() {
  const Problem problems[] = {
      {"lstm", 4, 2, false}, {"gru", 3, 1, true}, {"gru", 3, 1, false}, {"simple_rnn", 1, 1, false}};
  // Around panels, lanes and tiles, nothing at all, a recurrent sum of two K blocks, inputs step by step, steps shared
  // by the threads; chunks of steps and parts of slices, which lstm alone has.
  const int64_t shapes[][4] = {{1, 1, 1, 1},     {0, 3, 2, 2},   {2, 0, 3, 3},    {3, 4, 0, 5},
                               {9, 5, 3, 17},    {31, 3, 7, 16}, {17, 2, 19, 33}, {3, 2, 5, 261},
                               {37, 3, 300, 18}, {5, 3, 2, 270}, {27, 37, 5, 18}, {133, 19, 3, 17}};
  for (const Problem& problem : problems) {
    for (const auto& s : shapes) {
      for (DType dtype : {DType::F32, DType::F64}) {
        for (int flags = 0; flags < 4; ++flags) {
          if (s[3] > 100 && flags != 3) continue;
          if (s[0] * s[1] > 900 && problem.states != 2) continue;
          check_problem(problem, dtype, s[0], s[1], s[2], s[3], flags % 2 != 0, flags / 2 != 0);
        }
      }
    }
  }
  return CHECK_RESULT();
}
