// Enlarging planes to the size of the canvas.

#ifndef STC_CODEC_ENLARGING_H
#define STC_CODEC_ENLARGING_H

namespace stc {

constexpr int kCanvas = 128;
constexpr int kMaxSamples = 64;

// Each of 128 pixels from four of `samples` samples, as torch's `interpolate` does it without
// aligned corners: a sample stands for the middle of its pixel, beyond the ends the last goes on.
struct Enlarging {
  int samples;
  int at[kCanvas][4];
  float weight[kCanvas][4];

  // cubic: by cubic convolution (Keys 1981), else in straight lines.
  Enlarging(int count, bool cubic) : samples(count) {
    for (int i = 0; i < kCanvas; ++i) {
      const float place = (static_cast<float>(i) + 0.5f) * static_cast<float>(samples) / kCanvas;
      const int first = static_cast<int>(place + 0.5f) - 2;  // rounded down, and one before
      for (int k = 0; k < 4; ++k) {
        const float offset = place - 0.5f - static_cast<float>(first + k);
        const float distance = offset < 0 ? -offset : offset;
        weight[i][k] = cubic ? keys(distance) : distance < 1 ? 1 - distance : 0;
        at[i][k] = first + k < 0 ? 0 : first + k < samples ? first + k : samples - 1;
      }
    }
  }

  // Line y of the enlarged plane [samples, samples].
  void line(const float* plane, int y, float* out) const {
    float narrow[kMaxSamples];
    for (int x = 0; x < samples; ++x) {
      narrow[x] = 0;
      for (int k = 0; k < 4; ++k) narrow[x] += weight[y][k] * plane[at[y][k] * samples + x];
    }
    for (int x = 0; x < kCanvas; ++x) {
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

}  // namespace stc

#endif  // STC_CODEC_ENLARGING_H
