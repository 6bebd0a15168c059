// The arguments of the vectorised functions; machine.h implements them, dispatch.h selects one.
//
// Feature maps are [height, width, channels], because outputs are the last axis of kernels in the
// model file: weights need no reordering, and every inner loop runs over channels.

#ifndef STC_CODEC_TASKS_H
#define STC_CODEC_TASKS_H

#include <stdint.h>

#include "processor.h"

namespace stc {

constexpr int kGrain = 16;  // channels are padded with zeros to a multiple of this

INLINE int64_t padded(int64_t count) { return (count + kGrain - 1) / kGrain * kGrain; }
INLINE int64_t least(int64_t a, int64_t b) { return a < b ? a : b; }
INLINE int64_t most(int64_t a, int64_t b) { return a > b ? a : b; }

// Rows of floats; row r begins at data + r / run * skip + r % run * stride.
struct Rows {
  float* data;
  int64_t stride;
  int64_t run, skip;

  INLINE float* operator[](int64_t row) const {
    const uint32_t line = static_cast<uint32_t>(row) / static_cast<uint32_t>(run);
    return data + line * skip + (row - line * run) * stride;
  }
};

// Rows in one run. Data that is only read may be const: the cast does not cause writes.
INLINE Rows flat(const float* data, int64_t stride, int64_t count) {
  return {const_cast<float*>(data), stride, count, 0};
}

// out[r][m] = sum over k of a[r][k] * b[k][m], then * scale[m] + bias[m] unless they are null;
// added to out if `add`. Without scale and bias the sum then starts with the value in out, so a
// product in pieces gives the same bits as in one. The length of runs is a multiple of a tile, or
// there is one run.
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

// A feature map with a border of one pixel that is zero, so that 3x3 kernels need no special cases.
struct Image {
  float* data;
  int64_t size, channels;

  INLINE float* at(int64_t y, int64_t x) const {
    return data + ((y + 1) * (size + 2) + x + 1) * channels;
  }
  INLINE int64_t floats() const { return (size + 2) * (size + 2) * channels; }
  INLINE Rows rows() const { return {at(0, 0), channels, size, (size + 2) * channels}; }
};

// 3x3 convolution by Winograd's F(2x2, 3x3) (Lavin and Gray 2016): 2x2 outputs depend on 4x4
// inputs; transformed, they need 16 multiplications instead of 36. Each of the 16 planes is one
// matrix product over the tiles.
constexpr int kPlanes = 16;
constexpr int kTiles = 64;  // tiles transformed at a time

struct Winograd {
  const Image* in;
  const Image* out;
  int64_t first, count;  // tiles, in row order
  float* planes;         // [16, tiles, channels], planes `apart` floats from each other
  int64_t apart;
  const float* scale;  // of the outputs
  const float* bias;
  bool add, activate;
};

struct Kernels {
  const int8_t* weight;             // [inputs, places, outputs]
  int64_t inputs, places, outputs;  // places is 9, kept as a variable
  float* planes;                    // [16, inputs, padded outputs], `apart` floats from each other
  int64_t apart;
  float* row;  // [places, padded outputs]
};

// SiLU of an array of floats: x / (1 + exp(-x)).
struct Activation {
  const float* in;
  float* out;
  int64_t count;  // a multiple of kGrain
};

// Layer normalisation of rows [count, channels], of which the padding is ignored. `exchanged`, if
// not null, gets the transposed result.
struct Normalisation {
  const float* in;
  int64_t count, width, channels;  // of the channels, `width` are in use
  const float* gain;
  const float* bias;
  float* out;
  float* exchanged;
};

// Converts 8-bit weights [rows, columns], with rows `in_stride` apart, to floats
// [rows, out_stride], padded with zeros.
struct Widening {
  const int8_t* in;
  int64_t rows, columns, in_stride;
  float* out;
  int64_t out_stride;
};

// Products of an 8-bit matrix [rows, stride] with vectors [count, columns]:
// found[i * rows + r] = <values[r][:columns], vectors[i]>; the bits do not depend on the count.
struct Dots {
  const int8_t* values;
  int64_t rows, columns, stride;
  const float* vectors;
  int64_t count;
  float* scratch;  // [count, columns + kLongestStrip]
  float* found;
};

// Product of one vector with an 8-bit matrix [rows, columns]:
// found[c] = sum over r of x[r] * values[r][c].
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
