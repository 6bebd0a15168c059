// Nearest-codeword search on the CPU: distances live in registers and are never stored.
//
// For every token t and group g the centred codebook lies transposed, [D, K], so that one vector
// holds the same dimension of 16 codewords and memory is read as D streams at once, which is faster
// than one. A tile of up to 8 images keeps 8 vectors of scores
//     score_k = bias_k - <z, c_k>,   bias_k = (|c_k|^2 + penalty_k) / 2
// and a running minimum for every lane; one reduction over lanes ends the tile. The winner's
// distance is then computed directly from the codebook as it was given, because the expanded
// square loses its digits near zero. Every (image, codeword) pair is the same sequence of
// operations whatever the batch, the tile or the thread: results are bit-identical for all.

#include <pybind11/numpy.h>
#include <pybind11/pybind11.h>

#include <algorithm>
#include <cstdint>
#include <limits>

#if defined(__x86_64__) && defined(__linux__) && !defined(__clang__)
#define CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define CLONES
#endif
#if defined(__clang__)
#define SHUFFLE(v, ...) __builtin_shufflevector(v, v, __VA_ARGS__)
#else
#define SHUFFLE(v, ...) __builtin_shuffle(v, Ints{__VA_ARGS__})
#endif
#define INLINE inline __attribute__((always_inline))

namespace py = pybind11;

namespace {

constexpr int kLanes = 16;  // codewords in a vector; K is padded to a multiple of it
constexpr int kTile = 8;    // images in a register tile
constexpr int kMaxDimensions = 64;
constexpr int64_t kRows = 128;     // images in a unit of work
constexpr int64_t kTogether = 16;  // units that a thread takes at a time, at most

typedef float Floats __attribute__((vector_size(kLanes * sizeof(float))));
typedef int32_t Ints __attribute__((vector_size(kLanes * sizeof(int32_t))));
typedef Floats Unaligned __attribute__((aligned(sizeof(float)), may_alias));

struct Problem {
  const float* latents;    // [B, T, D]
  const float* columns;    // [G, T, D, K padded]: centred codebooks
  const float* bias;       // [G, T, K padded], infinite in the padding
  const float* codebooks;  // [G, T, K, D]: as given, for the winner's distance
  const float* penalty;    // [G, T, K] or null
  const float* centre;     // [T, D]
  const int64_t* rows;     // images searched in group g: rows[offsets[g] .. offsets[g + 1]]
  const int64_t* slots;    // and where in the results each goes
  const int64_t* offsets;  // [G + 1]
  int64_t groups, tokens, codewords, padded, dimensions;
  int64_t* indices;  // [slots, T]
  float* costs;      // [slots, T]
};

// The least lane, in every lane.
template <typename Vector>
INLINE Vector least(Vector v) {
  Vector other = SHUFFLE(v, 8, 9, 10, 11, 12, 13, 14, 15, 0, 1, 2, 3, 4, 5, 6, 7);
  v = other < v ? other : v;
  other = SHUFFLE(v, 4, 5, 6, 7, 0, 1, 2, 3, 12, 13, 14, 15, 8, 9, 10, 11);
  v = other < v ? other : v;
  other = SHUFFLE(v, 2, 3, 0, 1, 6, 7, 4, 5, 10, 11, 8, 9, 14, 15, 12, 13);
  v = other < v ? other : v;
  other = SHUFFLE(v, 1, 0, 3, 2, 5, 4, 7, 6, 9, 8, 11, 10, 13, 12, 15, 14);
  return other < v ? other : v;
}

// Some images of one group, and one token: rows[first .. end].
struct Unit {
  int64_t group, token, first, end;
};

// Scores of IMAGES images against all codewords, BLOCKS vectors of codewords at a time.
template <int IMAGES, int BLOCKS>
INLINE void search_tile(const float* z, const float* columns, const float* bias, int64_t padded,
                        int64_t dimensions, int64_t* winners) {
  Floats best[IMAGES];
  Ints at[IMAGES];
  const float infinity = std::numeric_limits<float>::infinity();
  for (int i = 0; i < IMAGES; ++i) {
    best[i] = infinity - Floats{};
    at[i] = Ints{};
  }
  Ints lane;
  for (int k = 0; k < kLanes; ++k) lane[k] = k;
  for (int64_t k = 0; k < padded; k += BLOCKS * kLanes) {
    Floats score[BLOCKS][IMAGES];
    for (int b = 0; b < BLOCKS; ++b)
      for (int i = 0; i < IMAGES; ++i)
        score[b][i] = *reinterpret_cast<const Unaligned*>(bias + k + b * kLanes);
    for (int64_t d = 0; d < dimensions; ++d) {
      for (int b = 0; b < BLOCKS; ++b) {
        const float* at_c = columns + d * padded + k + b * kLanes;
        // One image uses every byte once: fetch the same place of the next book meanwhile.
        if (IMAGES == 1) __builtin_prefetch(at_c + dimensions * padded, 0, 1);
        const Floats c = *reinterpret_cast<const Unaligned*>(at_c);
        for (int i = 0; i < IMAGES; ++i) score[b][i] -= z[i * kMaxDimensions + d] * c;
      }
    }
    for (int b = 0; b < BLOCKS; ++b) {
      const Ints here = lane + static_cast<int32_t>(k + b * kLanes);
      for (int i = 0; i < IMAGES; ++i) {
        const Ints closer = score[b][i] < best[i];  // strict: a tie stays with the lower index
        best[i] = closer ? score[b][i] : best[i];
        at[i] = closer ? here : at[i];
      }
    }
  }
  for (int i = 0; i < IMAGES; ++i) {
    const Floats lowest = least(best[i]);
    const Ints none = Ints{} + std::numeric_limits<int32_t>::max();
    const Ints candidates = best[i] == lowest ? at[i] : none;
    winners[i] = least(candidates)[0];
  }
}

// Winners of IMAGES images, from the first on, go to their slots.
template <int IMAGES, int BLOCKS>
INLINE void run_tile(const Problem& p, int64_t group, int64_t token, int64_t first) {
  alignas(64) float z[kMaxDimensions * IMAGES];
  int64_t winners[IMAGES];
  const int64_t book = group * p.tokens + token;
  const float* centre = p.centre + token * p.dimensions;
  for (int i = 0; i < IMAGES; ++i) {
    const float* latent = p.latents + (p.rows[first + i] * p.tokens + token) * p.dimensions;
    for (int64_t d = 0; d < p.dimensions; ++d)
      z[i * kMaxDimensions + d] = latent[d] - centre[d];
  }
  search_tile<IMAGES, BLOCKS>(z, p.columns + book * p.dimensions * p.padded,
                              p.bias + book * p.padded, p.padded, p.dimensions, winners);
  for (int i = 0; i < IMAGES; ++i) {
    p.indices[p.slots[first + i] * p.tokens + token] = winners[i];
    __builtin_prefetch(p.codebooks + (book * p.codewords + winners[i]) * p.dimensions);
  }
}

CLONES void search_rows(const Problem& p, const Unit& u) {
  int64_t first = u.first;
  for (; first + kTile <= u.end; first += kTile) run_tile<kTile, 1>(p, u.group, u.token, first);
  if (first + 4 <= u.end) {
    run_tile<4, 1>(p, u.group, u.token, first);
    first += 4;
  }
  for (; first < u.end; ++first) {
    // A single image waits for memory and for its own sums: several vectors in flight.
    if (p.padded % (4 * kLanes) == 0)
      run_tile<1, 4>(p, u.group, u.token, first);
    else
      run_tile<1, 1>(p, u.group, u.token, first);
  }
}

// Squared distances of IMAGES images to their winners, as the definition has them: rounded after
// every operation, summed in order. The sums of several images at once do not wait for each other.
template <int IMAGES>
INLINE void measure_tile(const Problem& p, const Unit& u, int64_t first) {
  float squares[IMAGES][kMaxDimensions];
  int64_t slot[IMAGES], pair[IMAGES];
  for (int i = 0; i < IMAGES; ++i) {
    slot[i] = p.slots[first + i] * p.tokens + u.token;
    pair[i] = (u.group * p.tokens + u.token) * p.codewords + p.indices[slot[i]];
    const float* latent = p.latents + (p.rows[first + i] * p.tokens + u.token) * p.dimensions;
    const float* codeword = p.codebooks + pair[i] * p.dimensions;
    for (int64_t d = 0; d < p.dimensions; ++d) {
      const float difference = latent[d] - codeword[d];
      squares[i][d] = difference * difference;
    }
  }
  // No fused multiply-add across this: other backends must get the same bits.
  asm volatile("" : : "r"(squares) : "memory");
  float sums[IMAGES] = {};
  for (int64_t d = 0; d < p.dimensions; ++d)
    for (int i = 0; i < IMAGES; ++i) sums[i] += squares[i][d];
  for (int i = 0; i < IMAGES; ++i)
    p.costs[slot[i]] = p.penalty ? sums[i] + p.penalty[pair[i]] : sums[i];
}

// Costs of the winners that search_rows left.
void measure_rows(const Problem& p, const Unit& u) {
  int64_t first = u.first;
  for (; first + kTile <= u.end; first += kTile) measure_tile<kTile>(p, u, first);
  for (; first < u.end; ++first) measure_tile<1>(p, u, first);
}

using FloatArray = py::array_t<float, py::array::c_style>;
using LongArray = py::array_t<int64_t, py::array::c_style>;

void search(const FloatArray& latents, const FloatArray& columns, const FloatArray& bias,
            const FloatArray& codebooks, const py::object& penalty, const FloatArray& centre,
            const LongArray& rows, const LongArray& slots, const LongArray& offsets,
            LongArray& indices, FloatArray& costs, int threads) {
  if (codebooks.shape(3) > kMaxDimensions) throw py::value_error("more than 64 dimensions");
  Problem p{};
  FloatArray kept;
  if (!penalty.is_none()) {
    kept = penalty.cast<FloatArray>();
    p.penalty = kept.data();
  }
  p.latents = latents.data();
  p.columns = columns.data();
  p.bias = bias.data();
  p.codebooks = codebooks.data();
  p.centre = centre.data();
  p.rows = rows.data();
  p.slots = slots.data();
  p.offsets = offsets.data();
  p.groups = codebooks.shape(0);
  p.tokens = codebooks.shape(1);
  p.codewords = codebooks.shape(2);
  p.padded = bias.shape(2);
  p.dimensions = codebooks.shape(3);
  p.indices = indices.mutable_data();
  p.costs = costs.mutable_data();

  py::gil_scoped_release release;
  int64_t most = 0;
  for (int64_t g = 0; g < p.groups; ++g) most = std::max(most, p.offsets[g + 1] - p.offsets[g]);
  const int64_t pieces = (most + kRows - 1) / kRows;
  const int64_t work = pieces * p.groups * p.tokens;
  const auto unit_of = [&](int64_t number) {
    const int64_t piece = number % pieces, book = number / pieces;
    Unit u{};
    u.group = book / p.tokens;
    u.token = book % p.tokens;
    u.first = p.offsets[u.group] + piece * kRows;
    u.end = std::min(u.first + kRows, p.offsets[u.group + 1]);
    return u;
  };
  const int64_t together = std::clamp<int64_t>(work / (4 * threads), 1, kTogether);
#pragma omp parallel for schedule(dynamic) num_threads(threads)
  for (int64_t start = 0; start < work; start += together) {
    const int64_t end = std::min(start + together, work);
    for (int64_t number = start; number < end; ++number) search_rows(p, unit_of(number));
    // By now the winners' codewords have come from memory.
    for (int64_t number = start; number < end; ++number) measure_rows(p, unit_of(number));
  }
}

}  // namespace

PYBIND11_MODULE(_nearest, module) {
  module.doc() = "Nearest-codeword search on the CPU; see stc.kernels.cpu.";
  module.def("search", &search);
  module.attr("lanes") = kLanes;
}
