// Unpacks matrices with fewer than 8 bits per number to 8 bits; see conformance/model-file.md.

#ifndef STC_CODEC_PACKING_H
#define STC_CODEC_PACKING_H

#include "decoder.h"

namespace stc {

struct PackedMatrix {
  const uint8_t* codes;  // [rows, bytes], codes of the columns after the first `strong` ones
  const int8_t* curve;   // [2^bits], value of each code
  const uint8_t* tops;   // [rows], largest value of each row
  const int8_t* first;   // [rows, strong], the first columns in 8 bits, or null
  int64_t rows, columns, strong, bits;

  int64_t coded() const { return columns - strong; }
  int64_t bytes() const {
    int64_t total = 0;
    for (int64_t width = 4; width; width /= 2)
      if (bits & width) total += (coded() * width + 7) / 8;
    return total;
  }
};

// Unpacks one row to values [columns].
inline void unpack_row(const PackedMatrix& m, int64_t row, int8_t* out) {
  for (int64_t c = 0; c < m.strong; ++c) out[c] = m.first[row * m.strong + c];
  out += m.strong;
  uint8_t* codes = reinterpret_cast<uint8_t*>(out);
  const uint8_t* piece = m.codes + row * m.bytes();
  for (int64_t c = 0; c < m.coded(); ++c) codes[c] = 0;
  for (int width = 4; width; width /= 2) {
    if (!(m.bits & width)) continue;
    const int64_t size = (m.coded() * width + 7) / 8;
    const int mask = (1 << width) - 1;
    for (int shift = 0; shift < 8; shift += width) {
      const int64_t start = shift / width * size, end = least(start + size, m.coded());
      for (int64_t c = start; c < end; ++c)
        codes[c] = static_cast<uint8_t>(codes[c] << width | (piece[c - start] >> shift & mask));
    }
    piece += size;
  }
  int8_t table[256];
  for (int64_t code = 0; code < (int64_t{1} << m.bits); ++code)
    table[code] = static_cast<int8_t>((m.curve[code] * m.tops[row] + 64) >> 7);
  for (int64_t c = 0; c < m.coded(); ++c) out[c] = table[codes[c]];
}

// mirror: null, or [columns] of 1 or -1; then the stored rows are the left halves of planes, and
// the right halves are the mirrored left ones times this sign.
inline void unpack(const PackedMatrix& m, const int8_t* mirror, int8_t* out) {
  if (!mirror) {
    for (int64_t row = 0; row < m.rows; ++row) unpack_row(m, row, out + row * m.columns);
    return;
  }
  int64_t row = 0, plane = 0;
  const int64_t sides[] = {kLuma, kChroma, kChroma};
  for (const int64_t side : sides) {
    for (int64_t place = 0; place < side * side / 2; ++place, ++row) {
      const int64_t line = plane + place / (side / 2) * side, at = place % (side / 2);
      int8_t* left = out + (line + at) * m.columns;
      int8_t* right = out + (line + side - 1 - at) * m.columns;
      unpack_row(m, row, left);
      for (int64_t c = 0; c < m.columns; ++c) right[c] = static_cast<int8_t>(left[c] * mirror[c]);
    }
    plane += side * side;
  }
}

}  // namespace stc

#endif  // STC_CODEC_PACKING_H
