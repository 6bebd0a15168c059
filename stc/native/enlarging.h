// Enlargement of planes, and conversion of pixels to bytes.

#ifndef STC_CODEC_ENLARGING_H
#define STC_CODEC_ENLARGING_H

#include <stdint.h>

#include "processor.h"

namespace stc {

constexpr int kCanvas = 128;
constexpr int kPixels = kCanvas * kCanvas;
constexpr int kLarge = 2 * kCanvas;  // side of an upscaler's output

// Interpolates `size` pixels, at most 256, from four of `samples` samples each, as torch's
// `interpolate` with align_corners=False: a sample is at the centre of its pixel, and beyond the
// ends the last sample is repeated.
struct Enlarging {
  int samples, size;
  int at[kLarge][4];
  float weight[kLarge][4];

  // cubic: cubic convolution (Keys 1981), else linear interpolation.
  APART Enlarging(int from, int to, bool cubic) : samples(from), size(to) {
    for (int i = 0; i < size; ++i) {
      const float place =
          (static_cast<float>(i) + 0.5f) * static_cast<float>(samples) / static_cast<float>(size);
      const int first = static_cast<int>(place + 0.5f) - 2;  // rounded down, and one before
      for (int k = 0; k < 4; ++k) {
        const float offset = place - 0.5f - static_cast<float>(first + k);
        const float distance = offset < 0 ? -offset : offset;
        weight[i][k] = cubic ? keys(distance) : distance < 1 ? 1 - distance : 0;
        at[i][k] = first + k < 0 ? 0 : first + k < samples ? first + k : samples - 1;
      }
    }
  }

  // Computes line y of the enlarged plane; plane: [samples, samples].
  APART void line(const float* plane, int y, float* out) const {
    float narrow[kLarge];
    for (int x = 0; x < samples; ++x) {
      narrow[x] = 0;
      for (int k = 0; k < 4; ++k) narrow[x] += weight[y][k] * plane[at[y][k] * samples + x];
    }
    for (int x = 0; x < size; ++x) {
      out[x] = 0;
      for (int k = 0; k < 4; ++k) out[x] += weight[x][k] * narrow[at[x][k]];
    }
  }

 private:
  static float keys(float d) {
    const float a = -0.75f;
    return d <= 1 ? ((a + 2) * d - (a + 3)) * d * d + 1 : ((a * d - 5 * a) * d + 8 * a) * d - 4 * a;
  }
};

// Rounds half to even, as numpy and torch do; NaN becomes 0.
inline uint8_t to_byte(float value) {
  value *= 255;
  value = value > 0 ? value : 0;
  value = value < 255 ? value : 255;
  return static_cast<uint8_t>(value + 12582912.0f - 12582912.0f);
}

}  // namespace stc

#endif  // STC_CODEC_ENLARGING_H
