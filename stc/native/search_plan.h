// The arguments of the search, and its units of work.

#ifndef STC_SEARCH_PLAN_H
#define STC_SEARCH_PLAN_H

#include <stdint.h>

// The arguments of one search, filled in by Python. Arrays are contiguous in C order.
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

namespace stc {

constexpr int kPadding = 16;  // K is padded to a multiple of this, the longest vector
constexpr int kMaxDimensions = 64;

// The images that are searched in each group, and the positions of their results.
struct Plan {
  const Problem* problem;
  const int64_t* order;    // images sorted by group; null: all of them, in every group
  const int64_t* offsets;  // [G + 1]: positions of each group in the order

  int64_t begin(int64_t group) const { return order ? offsets[group] : 0; }
  int64_t end(int64_t group) const { return order ? offsets[group + 1] : problem->images; }
  int64_t row(int64_t place) const { return order ? order[place] : place; }
  int64_t slot(int64_t group, int64_t place) const {
    if (order) return order[place];
    return problem->chosen ? place : place * problem->groups + group;
  }
};

// A unit of work: one token of some images of one group, at positions first .. end - 1.
struct Unit {
  int64_t group, token, first, end;
};

}  // namespace stc

#endif  // STC_SEARCH_PLAN_H
