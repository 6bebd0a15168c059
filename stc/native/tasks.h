// What the vectorised functions are asked to do: machine.h does it, dispatch.h chooses how.
//
// Pictures are [height, width, channels], because the outputs of a kernel lie together in the model
// file: weights need no reordering, and every inner loop runs over channels.

#ifndef STC_CODEC_TASKS_H
#define STC_CODEC_TASKS_H

#include <stdint.h>

#include "processor.h"

namespace stc {

constexpr int kGrain = 16;  // channels are padded with zeros to a multiple of this

INLINE int64_t padded(int64_t count) { return (count + kGrain - 1) / kGrain * kGrain; }
INLINE int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
INLINE int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }

// Rows of floats: row r begins at data + r / run * skip + r % run * stride.
struct Rows {
  float* data;
  int64_t stride;
  int64_t run, skip;

  INLINE float* operator[](int64_t row) const {
    const uint32_t line = static_cast<uint32_t>(row) / static_cast<uint32_t>(run);
    return data + line * skip + (row - line * run) * stride;
  }
};

// All in one run. What is only read is not written to either, whatever the type says.
INLINE Rows flat(const float* data, int64_t stride, int64_t count) {
  return {const_cast<float*>(data), stride, count, 0};
}

// out[r][m] = sum over k of a[r][k] * b[k][m], then * scale[m] + bias[m] unless they are null;
// added to what is there if `add`. Without scale and bias a sum goes on from what is there, term
// by term: in pieces it gives the same bits as in one. Runs are as long as a tile or a multiple of it, or there is one.
struct Product {
  Rows a;
  int64_t count, depth;
  const float* b;  // [depth, columns], columns a multiple of kGrain
  int64_t columns;
  Rows out;
  const float* scale = nullptr;
  const float* bias = nullptr;
  bool add = false;
};

// A picture with a border of one pixel that stays zero, so that 3x3 kernels need no special cases.
struct Image {
  float* data;
  int64_t size, channels;

  INLINE float* at(int64_t y, int64_t x) const {
    return data + ((y + 1) * (size + 2) + x + 1) * channels;
  }
  INLINE int64_t floats() const { return (size + 2) * (size + 2) * channels; }
  INLINE Rows rows() const { return {at(0, 0), channels, size, (size + 2) * channels}; }
};

// 3x3 kernels by Winograd's F(2x2, 3x3): every 2x2 outputs depend on 4x4 inputs; transformed, they
// take 16 products instead of 36. Each of the 16 planes is one matrix product over the tiles.
constexpr int kPlanes = 16;
constexpr int kTiles = 64;  // transformed at a time

struct Winograd {
  const Image* in;
  const Image* out;
  int64_t first, count;  // tiles, row after row
  float* planes;         // [16, tiles, channels], planes `apart` floats from each other
  int64_t apart;
  const float* scale;  // of the outputs
  const float* bias;
  bool add, activate;
};

struct Kernels {
  const int8_t* weight;             // [inputs, places, outputs]
  int64_t inputs, places, outputs;  // 9 places, of which the compiler need not know
  float* planes;                    // [16, inputs, padded outputs], `apart` floats from each other
  int64_t apart;
  float* row;  // [places, padded outputs]
};

// An array of floats: its SiLU, x / (1 + exp(-x)).
struct Activation {
  const float* in;
  float* out;
  int64_t count;  // a multiple of kGrain
};

// Layer normalisation of rows [count, channels], padding included, and the result once more with
// rows and columns exchanged, unless that is null.
struct Normalisation {
  const float* in;
  int64_t count, width, channels;  // of the channels, `width` are in use
  const float* gain;
  const float* bias;
  float* out;
  float* exchanged;
};

// Weights in 8 bits [rows, columns], rows `in_stride` apart -> floats [rows, out_stride], with
// zeros behind the columns.
struct Widening {
  const int8_t* in;
  int64_t rows, columns, in_stride;
  float* out;
  int64_t out_stride;
};

// A matrix in 8 bits [rows, stride] and vectors [count, columns]:
// found[i * rows + r] = <values[r][:columns], vectors[i]>, the same bits whatever the count.
struct Dots {
  const int8_t* values;
  int64_t rows, columns, stride;
  const float* vectors;
  int64_t count;
  float* scratch;  // [count, columns + kLongestStrip]
  float* found;
};

// A matrix in 8 bits [rows, columns] and one vector: found[c] = sum over r of x[r] * values[r][c].
struct Sums {
  const int8_t* values;
  int64_t rows, columns;
  const float* x;
  float* scratch;  // [columns]
  float* found;
};
constexpr int kLongestStrip = 64;

}  // namespace stc

#endif  // STC_CODEC_TASKS_H
