// Products with 8-bit matrices, which are converted to floats in blocks. The result of a vector is
// the same to the last bit in any batch, because the order of every sum is fixed.

#ifndef STC_CODEC_MATRICES_H
#define STC_CODEC_MATRICES_H

#include "dispatch.h"
#include "memory.h"

namespace stc {

struct Matrix {
  const int8_t* values;  // [rows, columns]
  const float* scale;    // [columns]
  int64_t rows, columns;
};

constexpr int64_t kDirect = 4;     // up to this batch size, read the whole matrix for each vector
constexpr int64_t kDepth = 256;    // rows of a block of weights
constexpr int64_t kAcross = 128;   // columns of a block of weights

// out [batch, columns] = x [batch, rows] @ M
inline void project(const float* x, int64_t batch, const Matrix& m, float* out, Arena arena) {
  if (batch <= kDirect) {
    float* scratch = arena.floats(m.columns);
    for (int64_t i = 0; i < batch; ++i)
      sums({m.values, m.rows, m.columns, x + i * m.rows, scratch, out + i * m.columns});
  } else {
    float* weights = arena.floats(kDepth * kAcross);
    float* block = arena.floats(batch * kAcross);
    for (int64_t left = 0; left < m.columns; left += kAcross) {
      const int64_t columns = least(kAcross, m.columns - left), wide = padded(columns);
      for (int64_t top = 0; top < m.rows; top += kDepth) {
        const int64_t depth = least(kDepth, m.rows - top);
        widen({m.values + top * m.columns + left, depth, columns, m.columns, weights, wide});
        product({flat(x + top, m.rows, batch), batch, depth, weights, wide,
                 flat(block, wide, batch), nullptr, nullptr, top > 0});
      }
      for (int64_t i = 0; i < batch; ++i)
        for (int64_t c = 0; c < columns; ++c) out[i * m.columns + left + c] = block[i * wide + c];
    }
  }
  for (int64_t i = 0; i < batch; ++i)
    for (int64_t c = 0; c < m.columns; ++c) out[i * m.columns + c] *= m.scale[c];
}

// out [batch, rows] = v [batch, width] @ M[:, :width].T
inline void expand(const float* v, int64_t batch, int64_t width, const Matrix& m, float* out,
                   Arena arena) {
  float* scaled = arena.floats(batch * width);
  for (int64_t i = 0; i < batch; ++i)
    for (int64_t c = 0; c < width; ++c) scaled[i * width + c] = v[i * width + c] * m.scale[c];
  float* scratch = arena.floats(batch * (width + kLongestStrip));
  dots({m.values, m.rows, width, m.columns, scaled, batch, scratch, out});
}

// The most bytes of scratch memory that `project` and `expand` need.
inline size_t product_scratch(int64_t batch, int64_t columns) {
  Arena arena = Arena::measure();
  arena.floats(most(kDepth * kAcross, columns));
  arena.floats(batch * most(kAcross, columns));
  arena.floats(batch * (columns + kLongestStrip));
  return arena.bytes();
}

}  // namespace stc

#endif  // STC_CODEC_MATRICES_H
