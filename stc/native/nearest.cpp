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
//
// One C symbol is exported; stc/kernels/native.py checks what it is given.

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <new>

#include "parallel.h"

// Clones need a C library that chooses between them when it loads the file (glibc does).
#if defined(__x86_64__) && defined(__GLIBC__) && !defined(__clang__)
#define CLONES __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define CLONES
#endif
#if defined(__clang__)
#define SHUFFLE(v, ...) __builtin_shufflevector(v, v, __VA_ARGS__)
#else
#define SHUFFLE(v, ...) __builtin_shuffle(v, Ints{__VA_ARGS__})
#endif
#if defined(_WIN32)
#define EXPORT extern "C" __declspec(dllexport)
#else
#define EXPORT extern "C" __attribute__((visibility("default")))
#endif
#define INLINE inline __attribute__((always_inline))

// One search, as Python fills it in. Arrays are C-contiguous and as large as stated.
struct Problem {
  const float* latents;    // [B, T, D]
  const float* columns;    // [G, T, D, K padded]: centred codebooks
  const float* bias;       // [G, T, K padded], infinite in the padding
  const float* codebooks;  // [G, T, K, D]: as given, for the winner's distance
  const float* penalty;    // [G, T, K] or null
  const float* centre;     // [T, D]
  const int64_t* chosen;   // [B]: the group of each image; null: every image in every group
  int64_t* indices;        // [B, T], or [B, G, T] in every group
  float* costs;            // likewise
  int64_t images, groups, tokens, codewords, padded, dimensions;
};

namespace {

constexpr int kLanes = 16;  // codewords in a vector; K is padded to a multiple of it
constexpr int kTile = 8;    // images in a register tile
constexpr int kMaxDimensions = 64;
constexpr int64_t kRows = 128;     // images in a unit of work
constexpr int64_t kTogether = 32;  // units that a thread takes at a time, at most
constexpr double kAtATime = 60;    // microseconds of work that it takes, roughly

// Products of codewords' numbers with latents' that a fast core does in a microsecond: in registers,
// and of a codebook that has to come from memory first, with one image.
constexpr double kTiled = 60e3;
constexpr double kStreamed = 12e3;

typedef float Floats __attribute__((vector_size(kLanes * sizeof(float))));
typedef int32_t Ints __attribute__((vector_size(kLanes * sizeof(int32_t))));
typedef Floats Unaligned __attribute__((aligned(sizeof(float)), may_alias));

// The images that are searched in each group, and where their results go.
struct Plan {
  const Problem* problem;
  const int64_t* order;    // images sorted by group; null: all of them, in every group
  const int64_t* offsets;  // [G + 1]: places of each group in the order

  int64_t begin(int64_t group) const { return order ? offsets[group] : 0; }
  int64_t end(int64_t group) const { return order ? offsets[group + 1] : problem->images; }
  int64_t row(int64_t place) const { return order ? order[place] : place; }
  int64_t slot(int64_t group, int64_t place) const {
    if (order) return order[place];
    return problem->chosen ? place : place * problem->groups + group;
  }
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

// Some images of one group, at places first .. end, and one token.
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
INLINE void run_tile(const Plan& plan, int64_t group, int64_t token, int64_t first) {
  const Problem& p = *plan.problem;
  alignas(64) float z[kMaxDimensions * IMAGES];
  int64_t winners[IMAGES];
  const int64_t book = group * p.tokens + token;
  const float* centre = p.centre + token * p.dimensions;
  for (int i = 0; i < IMAGES; ++i) {
    const float* latent = p.latents + (plan.row(first + i) * p.tokens + token) * p.dimensions;
    for (int64_t d = 0; d < p.dimensions; ++d)
      z[i * kMaxDimensions + d] = latent[d] - centre[d];
  }
  search_tile<IMAGES, BLOCKS>(z, p.columns + book * p.dimensions * p.padded,
                              p.bias + book * p.padded, p.padded, p.dimensions, winners);
  for (int i = 0; i < IMAGES; ++i) {
    p.indices[plan.slot(group, first + i) * p.tokens + token] = winners[i];
    __builtin_prefetch(p.codebooks + (book * p.codewords + winners[i]) * p.dimensions);
  }
}

CLONES void search_rows(const Plan& plan, const Unit& u) {
  int64_t first = u.first;
  for (; first + kTile <= u.end; first += kTile) run_tile<kTile, 1>(plan, u.group, u.token, first);
  if (first + 4 <= u.end) {
    run_tile<4, 1>(plan, u.group, u.token, first);
    first += 4;
  }
  for (; first < u.end; ++first) {
    // A single image waits for memory and for its own sums: several vectors in flight.
    if (plan.problem->padded % (4 * kLanes) == 0)
      run_tile<1, 4>(plan, u.group, u.token, first);
    else
      run_tile<1, 1>(plan, u.group, u.token, first);
  }
}

// Squared distances of IMAGES images to their winners, as the definition has them: rounded after
// every operation, summed in order. The sums of several images at once do not wait for each other.
template <int IMAGES>
INLINE void measure_tile(const Plan& plan, const Unit& u, int64_t first) {
  const Problem& p = *plan.problem;
  float squares[IMAGES][kMaxDimensions];
  int64_t slot[IMAGES], pair[IMAGES];
  for (int i = 0; i < IMAGES; ++i) {
    slot[i] = plan.slot(u.group, first + i) * p.tokens + u.token;
    pair[i] = (u.group * p.tokens + u.token) * p.codewords + p.indices[slot[i]];
    const float* latent = p.latents + (plan.row(first + i) * p.tokens + u.token) * p.dimensions;
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
void measure_rows(const Plan& plan, const Unit& u) {
  int64_t first = u.first;
  for (; first + kTile <= u.end; first += kTile) measure_tile<kTile>(plan, u, first);
  for (; first < u.end; ++first) measure_tile<1>(plan, u, first);
}

// Images sorted by their groups, those of a group in their own order, into order [B] and offsets
// [G + 1]. False if a group is none of the codebooks'.
bool sort_by_group(const Problem& p, int64_t* order, int64_t* offsets) {
  std::fill(offsets, offsets + p.groups + 1, 0);
  for (int64_t b = 0; b < p.images; ++b) {
    if (p.chosen[b] < 0 || p.chosen[b] >= p.groups) return false;
    ++offsets[p.chosen[b] + 1];
  }
  for (int64_t g = 0; g < p.groups; ++g) offsets[g + 1] += offsets[g];
  for (int64_t b = 0; b < p.images; ++b) order[offsets[p.chosen[b]]++] = b;
  std::copy_backward(offsets, offsets + p.groups, offsets + p.groups + 1);
  offsets[0] = 0;
  return true;
}

// Microseconds that the search would take one fast core, roughly.
double estimate(const Plan& plan) {
  const Problem& p = *plan.problem;
  double sum = 0;
  for (int64_t g = 0; g < p.groups; ++g)
    if (const int64_t images = plan.end(g) - plan.begin(g))
      sum += std::max(1 / kStreamed, static_cast<double>(images) / kTiled);
  return sum * static_cast<double>(p.tokens * p.padded * p.dimensions);
}

void search(const Plan& plan, int threads) {
  const Problem& p = *plan.problem;
  int64_t most = 0;
  for (int64_t g = 0; g < p.groups; ++g) most = std::max(most, plan.end(g) - plan.begin(g));
  const int64_t pieces = (most + kRows - 1) / kRows;
  const int64_t work = pieces * p.groups * p.tokens;
  if (work == 0) return;
  const auto unit_of = [&](int64_t number) {
    const int64_t piece = number % pieces, book = number / pieces;
    Unit u{};
    u.group = book / p.tokens;
    u.token = book % p.tokens;
    u.first = plan.begin(u.group) + piece * kRows;
    u.end = std::min(u.first + kRows, plan.end(u.group));
    return u;
  };
  const double microseconds = estimate(plan);
  threads = stc::threads_for(microseconds, threads);
  const double share = std::min(kAtATime / microseconds, 1.0 / (4 * threads));
  const int64_t together =
      std::clamp(static_cast<int64_t>(share * static_cast<double>(work)), int64_t{1}, kTogether);
  stc::parallel(work, together, threads, [&](int64_t first, int64_t end) {
    for (int64_t number = first; number < end; ++number) search_rows(plan, unit_of(number));
    // By now the winners' codewords have come from memory.
    for (int64_t number = first; number < end; ++number) measure_rows(plan, unit_of(number));
  });
}

}  // namespace

// Searches on at most `threads` threads. The number at the end of the name changes with Problem.
// Returns 0; 1 for sizes that are not served; 2 for a group out of range; 3 without memory.
EXPORT int32_t stc_nearest_1(const Problem* problem, int32_t threads) {
  const Problem& p = *problem;
  if (p.images < 0 || p.groups < 1 || p.tokens < 1 || p.codewords < 1 || p.dimensions < 1 ||
      p.dimensions > kMaxDimensions || p.padded < p.codewords || p.padded % kLanes != 0 ||
      p.padded > std::numeric_limits<int32_t>::max())
    return 1;
  Plan plan{problem, nullptr, nullptr};
  if (!p.chosen) {
    search(plan, threads);
    return 0;
  }
  const std::unique_ptr<int64_t[]> order(new (std::nothrow) int64_t[p.images + 1]);
  const std::unique_ptr<int64_t[]> offsets(new (std::nothrow) int64_t[p.groups + 1]);
  if (!order || !offsets) return 3;
  if (!sort_by_group(p, order.get(), offsets.get())) return 2;
  if (p.groups > 1) {
    plan.order = order.get();
    plan.offsets = offsets.get();
  }
  search(plan, threads);
  return 0;
}
