#include "ops/updates/cuts.h"
#include "ops/updates/scaled.h"

namespace ckeras::CKERAS_ISA {
namespace {

// A variable as a stack of matrices, those cut into chunks of rows. One of fewer dimensions is a column.
struct Form {
  bool matrix;
  int64_t stacks = 1, rows, columns = 1, chunk;

  CKERAS_MEMBER explicit Form(const View& p) : matrix(p.rank >= 2), rows(p.size()) {
    if (matrix) {
      rows = p.shape[p.rank - 2];
      columns = p.shape[p.rank - 1];
      for (int d = 0; d < p.rank - 2; ++d) stacks *= p.shape[d];
    }
    const int64_t about = ceil_div(kCut, at_least_one(columns));
    chunk = about > 64 ? about : 64;
  }
  CKERAS_MEMBER int64_t chunks() const { return ceil_div(rows, chunk); }
  CKERAS_MEMBER int64_t pieces() const { return stacks * chunks(); }
};

struct Run {
  int64_t stack, row, rows, first, n;  // the rows of one piece and the elements they are

  CKERAS_MEMBER Run(const Form& f, int64_t piece) {
    stack = piece / f.chunks();
    row = piece % f.chunks() * f.chunk;
    rows = least(f.chunk, f.rows - row);
    first = (stack * f.rows + row) * f.columns;
    n = rows * f.columns;
  }
};

struct Lengths {
  double variable, step;  // sums of squares
};

struct Adafactor {
  const Call& call;
  int count;
  double rate, kept, epsilon1, epsilon2, threshold;
  int64_t elements = 0, places = 0, matrices = 0;

  explicit Adafactor(const Call& c) noexcept
      : call(c),
        count(c.n_out / 4),
        rate(0),
        kept(0),
        epsilon1(c.floats[0]),
        epsilon2(c.floats[1]),
        threshold(c.floats[2]) {
    for (int i = 0; i < count; ++i) {
      const Form f(*out(i));
      elements += out(i)->size();
      places += f.pieces();
      matrices += f.stacks;
    }
  }

  const View* in(int variable) const { return call.in + 2 + variable * 5; }
  const View* out(int variable) const { return call.out + variable * 4; }

  // The workspace: sums of the pieces, means of the rows, sums of each piece's columns (8 bytes a number).
  Lengths* sums() const { return static_cast<Lengths*>(call.workspace); }
  double* means() const { return reinterpret_cast<double*>(sums() + places); }
  template <class T>
  T* column_sums(int variable) const {
    double* at = means() + matrices;
    for (int i = 0; i < variable; ++i) at += Form(*out(i)).pieces() * Form(*out(i)).columns;
    return reinterpret_cast<T*>(at);
  }
  int64_t bytes() const {
    int64_t numbers = 2 * places + matrices;
    for (int i = 0; i < count; ++i) numbers += Form(*out(i)).pieces() * Form(*out(i)).columns;
    return numbers * 8;
  }
  // The number of a variable's first matrix.
  int64_t matrix_of(int variable) const {
    int64_t n = 0;
    for (int i = 0; i < variable; ++i) n += Form(*out(i)).stacks;
    return n;
  }

  // Rows' new means and the sums of columns; of what is no matrix, the new squares.
  template <class S>
  void gather(S, int variable, int64_t piece) const {
    using V = typename S::V;
    using T = typename S::T;
    using Element = typename S::Element;
    const Form f(*out(variable));
    const Run run(f, piece);
    const View *from = in(variable), *to = out(variable);
    const Element* g = from[1].as<Element>() + run.first;
    const V keep(static_cast<T>(kept)), rest = V(T{1}) - keep, least_square(static_cast<T>(epsilon1));
    const auto square = [=](int64_t i, int64_t left) __attribute__((always_inline)) {
      const V v = S::load(g + i, left);
      return v * v + least_square;
    };
    if (!f.matrix) {
      const Element* old = from[4].as<Element>() + run.first;
      Element* squares = to[3].as<Element>() + run.first;
      for (int64_t i = 0; i < run.n; i += V::kLanes) {
        const int64_t left = run.n - i;
        S::store(squares + i, S::load(old + i, left) * keep + square(i, left) * rest, left);
      }
      return;
    }
    T* columns = column_sums<T>(variable) + piece * f.columns;
    for (int64_t j = 0; j < f.columns; ++j) columns[j] = 0;
    const Element* old = from[2].as<Element>() + run.stack * f.rows + run.row;
    Element* rows = to[1].as<Element>() + run.stack * f.rows + run.row;
    for (int64_t r = 0; r < run.rows; ++r) {
      const int64_t base = r * f.columns;
      const double sum = sum_of<S>(
          f.columns, [&](int64_t i, int64_t left) __attribute__((always_inline)) { return square(base + i, left); });
      const V mean(static_cast<T>(sum / static_cast<double>(f.columns)));
      S::store(rows + r, S::load(old + r, 1) * keep + mean * rest, 1);
      for (int64_t j = 0; j < f.columns; j += V::kLanes) {
        const int64_t left = f.columns - j;
        (V::load(columns + j, left) + square(base + j, left)).store(columns + j, left);
      }
    }
  }

  // One matrix: the columns' new means, and the mean of the rows'.
  template <class S>
  void join(S, int variable, int64_t stack) const {
    using V = typename S::V;
    using T = typename S::T;
    using Element = typename S::Element;
    const Form f(*out(variable));
    const View *from = in(variable), *to = out(variable);
    if (!f.matrix) {
      for (int i = 2; i < 4; ++i) to[i - 1].as<Element>()[0] = from[i].as<Element>()[0];
      return;
    }
    const V keep(static_cast<T>(kept)), rest = V(T{1}) - keep, height(static_cast<T>(f.rows));
    const T* sums = column_sums<T>(variable) + stack * f.chunks() * f.columns;
    const Element* old = from[3].as<Element>() + stack * f.columns;
    Element* columns = to[2].as<Element>() + stack * f.columns;
    for (int64_t j = 0; j < f.columns; j += V::kLanes) {
      const int64_t left = f.columns - j;
      V total(T{0});
      for (int64_t c = 0; c < f.chunks(); ++c) total = total + V::load(sums + c * f.columns + j, left);
      S::store(columns + j, S::load(old + j, left) * keep + total / height * rest, left);
    }
    const Element* rows = to[1].as<const Element>() + stack * f.rows;
    means()[matrix_of(variable) + stack] =
        sum_of<S>(f.rows,
                  [&](int64_t i, int64_t left) __attribute__((always_inline)) { return S::load(rows + i, left); }) /
        static_cast<double>(f.rows);
  }

  // A matrix's squares, and the lengths of the variable and of the step.
  template <class S>
  Lengths measure(S, int variable, int64_t piece) const {
    using V = typename S::V;
    using T = typename S::T;
    using Element = typename S::Element;
    const Form f(*out(variable));
    const Run run(f, piece);
    const View *from = in(variable), *to = out(variable);
    const Element *p = from[0].as<Element>() + run.first, *g = from[1].as<Element>() + run.first;
    Element* squares = to[3].as<Element>() + run.first;
    if (f.matrix) {
      const Element* rows = to[1].as<Element>() + run.stack * f.rows + run.row;
      const Element* columns = to[2].as<Element>() + run.stack * f.columns;
      const T mean = static_cast<T>(means()[matrix_of(variable) + run.stack]);
      for (int64_t r = 0; r < run.rows; ++r) {
        const V share(S::get(rows[r]) / mean);
        for (int64_t j = 0; j < f.columns; j += V::kLanes) {
          const int64_t left = f.columns - j;
          S::store(squares + r * f.columns + j, share * S::load(columns + j, left), left);
        }
      }
    }
    const auto squared = [](V x) __attribute__((always_inline)) { return x * x; };
    return {sum_of<S>(run.n, [=](int64_t i, int64_t left)
                                 __attribute__((always_inline)) { return squared(S::load(p + i, left)); }),
            sum_of<S>(run.n, [=](int64_t i, int64_t left) __attribute__((always_inline)) {
              return squared(S::load(g + i, left) / sqrt(S::load(squares + i, left)));
            })};
  }

  template <class S>
  void step(S, int variable, int64_t piece, Lengths total) const {
    using V = typename S::V;
    using T = typename S::T;
    using Element = typename S::Element;
    const Run run(Form(*out(variable)), piece);
    const View *from = in(variable), *to = out(variable);
    const Element *p = from[0].as<Element>() + run.first, *g = from[1].as<Element>() + run.first;
    const Element* squares = to[3].as<const Element>() + run.first;
    Element* moved = to[0].as<Element>() + run.first;
    const auto n = static_cast<double>(from[0].size());
    const double size = __builtin_sqrt(total.variable / n), over = __builtin_sqrt(total.step / n) / threshold;
    const V factor(static_cast<T>(rate * (size < epsilon2 ? epsilon2 : size))),
        shrink(static_cast<T>(over < 1 ? 1 : over));
    for (int64_t i = 0; i < run.n; i += V::kLanes) {
      const int64_t left = run.n - i;
      const V way = S::load(g + i, left) / sqrt(S::load(squares + i, left)) / shrink;
      S::store(moved + i, S::load(p + i, left) - way * factor, left);
    }
  }

  void run() {
    rate = scalar_of(call.in[0]);
    kept = scalar_of(call.in[1]);
    const auto pieces = [&](int i) { return Form(*out(i)).pieces(); };
    const auto stored = [&](int i, const auto& f) { with_storage(out(i)->dtype, f); };
    for_cuts(count, elements, pieces,
             [&](int i, int64_t piece, int64_t) { stored(i, [&](auto s) { gather(s, i, piece); }); });
    for_cuts(
        count, elements / 64, [&](int i) { return Form(*out(i)).stacks; },
        [&](int i, int64_t stack, int64_t) { stored(i, [&](auto s) { join(s, i, stack); }); });
    for_cuts(count, elements, pieces, [&](int i, int64_t piece, int64_t place) {
      stored(i, [&](auto s) { sums()[place] = measure(s, i, piece); });
    });
    for_cuts(count, elements, pieces, [&](int i, int64_t piece, int64_t place) {
      Lengths total{0, 0};
      for (int64_t j = place - piece; j < place - piece + pieces(i); ++j) {
        total = {total.variable + sums()[j].variable, total.step + sums()[j].step};
      }
      stored(i, [&](auto s) { step(s, i, piece, total); });
    });
  }
};

void adafactor_update(const Call& call) noexcept { Adafactor(call).run(); }
int64_t adafactor_bytes(const Call& call) noexcept { return Adafactor(call).bytes(); }

}  // namespace

extern const Kernel kernel_adafactor_update;
constinit const Kernel kernel_adafactor_update = {adafactor_update, adafactor_bytes, nullptr};

}  // namespace ckeras::CKERAS_ISA
