// Scores of images against all codewords of a codebook, for all instruction sets: templates over
// the width of a vector and the tile that fits the registers.
//
// A tile of images keeps its scores
//     score_k = bias_k - <z, c_k>,   bias_k = (|c_k|^2 + penalty_k) / 2
// in registers, with a running minimum for every lane, and reduces over lanes at the end. The
// sequence of operations for a pair does not depend on the tile or the width, and of equal scores
// the lowest index is chosen. Rounding may decide between nearly equal scores: all machines with
// fused multiply-add give the same bits, and so do all machines without it.

#ifndef STC_SCAN_H
#define STC_SCAN_H

#include "processor.h"
#include "search_plan.h"
#include "vectors.h"

namespace stc {

constexpr int kLine = 16;  // floats in a cache line

// For vectors of LANES floats, and registers for the scores of IMAGES images with VECTORS vectors
// of codewords. A single image, which waits for memory and its own sums, uses SINGLE vectors.
template <int LANES, int IMAGES, int VECTORS, int SINGLE>
struct Scan {
  using Floats = typename Vector<LANES>::Floats;
  using Ints = typename Vector<LANES>::Ints;
  struct __attribute__((packed, may_alias)) FloatsAnywhere {
    Floats value;
  };
  static_assert(kPadding % (LANES * VECTORS) == 0, "a tile would reach beyond the padding");

  static INLINE Floats load(const float* from) {
    return reinterpret_cast<const FloatsAnywhere*>(from)->value;
  }

  // Scores of R images against all codewords, V vectors of codewords at a time.
  template <int R, int V>
  static INLINE void scores(const float* z, const float* columns, const float* bias, int64_t padded,
                            int64_t dimensions, int64_t* winners) {
#if defined(__clang__)
#pragma STDC FP_CONTRACT ON  // the default of gcc, and of clang since version 14
#endif
    Floats best[R];
    Ints at[R];
    for (int i = 0; i < R; ++i) {
      best[i] = Floats{} + __builtin_inff();
      at[i] = Ints{};
    }
    Ints lane{};
    for (int k = 0; k < LANES; ++k) lane[k] = k;
    for (int64_t k = 0; k < padded; k += V * LANES) {
      Floats score[V][R];
      for (int v = 0; v < V; ++v)
        for (int i = 0; i < R; ++i) score[v][i] = load(bias + k + v * LANES);
      for (int64_t d = 0; d < dimensions; ++d) {
        const float* row = columns + d * padded + k;
        Floats c[V];
        for (int v = 0; v < V; ++v) {
          // A single image uses every byte once: prefetch the same line of the next codebook.
          if (R == 1 && v * LANES % kLine == 0)
            __builtin_prefetch(row + v * LANES + dimensions * padded, 0, 1);
          c[v] = load(row + v * LANES);
        }
        for (int i = 0; i < R; ++i)
          for (int v = 0; v < V; ++v) score[v][i] -= z[i * kMaxDimensions + d] * c[v];
      }
      for (int v = 0; v < V; ++v) {
        const Ints here = lane + static_cast<int32_t>(k + v * LANES);
        for (int i = 0; i < R; ++i) {
          const Ints closer = score[v][i] < best[i];  // strict: a tie stays with the lower index
          best[i] = closer ? score[v][i] : best[i];
          at[i] = closer ? here : at[i];
        }
      }
    }
    for (int i = 0; i < R; ++i) winners[i] = lowest(best[i], at[i]);
  }

  // The lowest index among the lanes of least score.
  static INLINE int32_t lowest(Floats best, Ints at) {
    const Floats score = least_lane<LANES>(best);
    const Ints none = Ints{} + INT32_MAX;
    const Ints candidates = best == score ? at : none;
    return least_lane<LANES>(candidates)[0];
  }

  // Writes the winners of R images, starting at `first`, to the results.
  template <int R, int V>
  static INLINE void tile(const Plan& plan, const Unit& u, int64_t first) {
    const Problem& p = *plan.problem;
    alignas(64) float z[kMaxDimensions * R];
    int64_t winners[R];
    const int64_t book = u.group * p.tokens + u.token;
    const float* centre = p.centre + u.token * p.dimensions;
    for (int i = 0; i < R; ++i) {
      const float* latent = p.latents + (plan.row(first + i) * p.tokens + u.token) * p.dimensions;
      for (int64_t d = 0; d < p.dimensions; ++d)
        z[i * kMaxDimensions + d] = latent[d] - centre[d];
    }
    scores<R, V>(z, p.columns + book * p.dimensions * p.padded, p.bias + book * p.padded, p.padded,
                 p.dimensions, winners);
    for (int i = 0; i < R; ++i) {
      p.indices[plan.slot(u.group, first + i) * p.tokens + u.token] = winners[i];
      __builtin_prefetch(p.codebooks + (book * p.codewords + winners[i]) * p.dimensions);
    }
  }

  // Finds the winners of the unit's images.
  static INLINE void rows(const Plan& plan, const Unit& u) {
    int64_t first = u.first;
    for (; first + IMAGES <= u.end; first += IMAGES) tile<IMAGES, VECTORS>(plan, u, first);
    if (IMAGES > 4 && first + 4 <= u.end) {
      tile<4, VECTORS>(plan, u, first);
      first += 4;
    }
    for (; first < u.end; ++first) {
      if (plan.problem->padded % (SINGLE * LANES) == 0)
        tile<1, SINGLE>(plan, u, first);
      else
        tile<1, VECTORS>(plan, u, first);
    }
  }
};

}  // namespace stc

#endif  // STC_SCAN_H
