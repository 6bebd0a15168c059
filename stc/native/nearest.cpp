// Nearest-codeword search on the CPU; distances stay in registers and are never stored.
//
// The centred codebook of every token t and group g is stored transposed, [D, K]: one vector holds
// the same dimension of several codewords, and memory is read as D parallel streams, which is
// faster than one. scan.h finds the nearest codewords (winners). Their distances are then computed
// directly from the original codebook, because the expanded square is inaccurate near zero. The
// sequence of operations for an (image, codeword) pair does not depend on the batch, the tile or
// the thread, so results are bit-identical.
//
// One C symbol is exported; stc/kernels/native.py checks its arguments.

#include <algorithm>
#include <cstdint>
#include <limits>
#include <memory>
#include <new>

#include "parallel.h"
#include "scan.h"

#if defined(_WIN32)
#define EXPORT extern "C" __declspec(dllexport)
#else
#define EXPORT extern "C" __attribute__((visibility("default")))
#endif

namespace {

using stc::kMaxDimensions;
using stc::Plan;
using stc::Unit;

constexpr int kMeasured = 8;       // winners whose costs are computed together
constexpr int64_t kRows = 128;     // images in a unit of work
constexpr int64_t kTogether = 32;  // the most units that a thread takes at a time
constexpr double kAtATime = 60;    // microseconds of work that a thread takes at a time, roughly

// Multiplications of a fast core in a microsecond: kTiled in registers with AVX-512, kStreamed for
// one image, when the codebook has to be loaded from memory. Slower machines do fewer; they only
// start threads later than would be best, never too early.
constexpr double kTiled = 60e3;
constexpr double kStreamed = 12e3;

using Small = stc::Scan<4, 4, 2, 8>;  // 128 bits: SSE2, NEON

#if defined(STC_WIDER)

using Middle = stc::Scan<8, 4, 2, 8>;  // AVX2
using Large = stc::Scan<16, 8, 1, 4>;  // AVX-512

LARGE APART void search_large(const Plan& plan, const Unit& u) { Large::rows(plan, u); }
MIDDLE APART void search_middle(const Plan& plan, const Unit& u) { Middle::rows(plan, u); }
APART void search_small(const Plan& plan, const Unit& u) { Small::rows(plan, u); }

inline void search_rows(const Plan& plan, const Unit& u) {
  stc::is_large()    ? search_large(plan, u)
  : stc::is_middle() ? search_middle(plan, u)
                     : search_small(plan, u);
}

#else

APART void search_rows(const Plan& plan, const Unit& u) { Small::rows(plan, u); }

#endif

// Costs of IMAGES images for their winners by the definition: rounded after every operation, summed
// in order. Several images are computed at once because their sums are independent of each other.
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
  // This prevents fused multiply-add, so that all backends get the same bits.
  asm volatile("" : : "r"(squares) : "memory");
  float sums[IMAGES] = {};
  for (int64_t d = 0; d < p.dimensions; ++d)
    for (int i = 0; i < IMAGES; ++i) sums[i] += squares[i][d];
  for (int i = 0; i < IMAGES; ++i)
    p.costs[slot[i]] = p.penalty ? sums[i] + p.penalty[pair[i]] : sums[i];
}

// Computes the costs of the winners that search_rows found.
void measure_rows(const Plan& plan, const Unit& u) {
  int64_t first = u.first;
  for (; first + kMeasured <= u.end; first += kMeasured) measure_tile<kMeasured>(plan, u, first);
  for (; first < u.end; ++first) measure_tile<1>(plan, u, first);
}

// Stable sort of images by group: writes order [B] and offsets [G + 1]. Returns false if a group is
// out of range.
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

// Rough estimate of the microseconds that the search takes on one fast core.
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
    // search_rows has prefetched the winners' codewords.
    for (int64_t number = first; number < end; ++number) measure_rows(plan, unit_of(number));
  });
}

}  // namespace

// Searches on at most `threads` threads. The number at the end of the name changes with Problem.
// Returns 0; 1 for unsupported sizes; 2 for a group out of range; 3 if memory cannot be allocated.
EXPORT int32_t stc_nearest_1(const Problem* problem, int32_t threads) {
  const Problem& p = *problem;
  if (p.images < 0 || p.groups < 1 || p.tokens < 1 || p.codewords < 1 || p.dimensions < 1 ||
      p.dimensions > kMaxDimensions || p.padded < p.codewords || p.padded % stc::kPadding != 0 ||
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
