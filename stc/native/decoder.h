// The convolutional decoder: stc/codec/torch/decoder.py, layer by layer in the same order.

#ifndef STC_CODEC_DECODER_H
#define STC_CODEC_DECODER_H

#include "enlarging.h"
#include "network.h"

namespace stc {

struct Widths {
  int64_t w8, w16, w32, w64, condition;

  explicit Widths(const int32_t* w) : w8(w[0]), w16(w[1]), w32(w[2]), w64(w[3]), condition(w[4]) {}
};

constexpr int kLuma = 64, kChroma = 32;
constexpr int kPlaneFloats = kLuma * kLuma + 2 * kChroma * kChroma;
constexpr int kCoarse = 8, kPlaces = kCoarse * kCoarse;  // side and pixels of the mixer's input

class Decoder : Network {
 public:
  // arrays: for each layer, in the order of its first use, weight, scale and bias; for each
  // normalisation gain and bias.
  Decoder(const Widths& widths, const void* const* arrays, Arena& arena)
      : Network(extent(widths), arena), w_(widths), arrays_(arrays) {
    const int64_t c8 = padded(w_.w8), c16 = padded(w_.w16), c32 = padded(w_.w32);
    const int64_t c64 = padded(w_.w64);
    luma_ = arena.image(kLuma, 1);
    in16_ = arena.image(16, 24);
    in32_ = arena.image(32, 6);
    x16_ = arena.image(16, c16);
    y16_ = arena.image(16, c16);
    x32_ = arena.image(32, c32);
    y32_ = arena.image(32, c32);
    x64_ = arena.image(64, c64);
    y64_ = arena.image(64, c64);
    detail_ = arena.image(64, kGrain);
    x8_ = arena.floats(kPlaces * c8);
    normal_ = arena.floats(kPlaces * c8);
    exchanged_ = arena.floats(kPlaces * c8);
    hidden_ = arena.floats(most(kPlaces * padded(2 * w_.w8), 2 * kPlaces * c8));
    embedding_ = arena.floats(padded(w_.condition));
    picture_ = arena.floats(3 * kPixels);
  }

  // Bytes of scratch memory that a decoder needs.
  static size_t scratch(const Widths& widths) {
    Arena arena = Arena::measure();
    Decoder(widths, nullptr, arena);
    return arena.bytes();
  }

  // Decodes planes to RGB [128, 128, 3]. spent: the share of the model's tokens that the face uses.
  void draw(const float* planes, float spent, uint8_t* rgb) {
    decode(planes, spent);
    for (int i = 0; i < kPixels; ++i)
      for (int c = 0; c < 3; ++c) *rgb++ = to_byte(picture_[c * kPixels + i]);
  }

  // Computes the picture without rounding it, and the other inputs of an upscaler.
  APART void decode(const float* planes, float spent) {
    next_ = arrays_;
    const Image* const bordered[] = {&luma_, &in16_, &in32_, &x16_, &y16_,
                                     &x32_,  &y32_,  &x64_,  &y64_};
    for (const Image* image : bordered) clear_border(*image);
    enter(planes);
    embed(spent);

    convolve(take(24, w_.w16), in16_, x16_.rows(), 16, 1);
    activate({x16_.data, y16_.data, x16_.floats()});
    const int64_t c8 = padded(w_.w8);
    convolve(take(w_.w16, w_.w8), y16_, flat(x8_, c8, kPlaces), kCoarse, 2);
    for (int i = 0; i < 2; ++i) mix();
    enlarge(take(w_.w8, 4 * w_.w16), {x8_, c8, kCoarse, kCoarse * c8}, kCoarse, x16_);
    for (int i = 0; i < 2; ++i) modulated(w_.w16, x16_, y16_);

    convolve(take(6, w_.w32), in32_, x32_.rows(), 32, 1);
    enlarge(take(w_.w16, 4 * w_.w32), x16_.rows(), 16, x32_);
    modulated(w_.w32, x32_, y32_);

    convolve(take(1, w_.w64), luma_, x64_.rows(), 64, 1);
    enlarge(take(w_.w32, 4 * w_.w64), x32_.rows(), 32, x64_);
    modulated(w_.w64, x64_, y64_);

    activate({x64_.data, x64_.data, x64_.floats()});
    const Layer leave = take(w_.w64, 12);
    affine(leave);
    winograd(leave, x64_, detail_, false, false);
    paint(planes);
  }

  float* picture() const { return picture_; }        // [3, 128, 128], not clipped
  const Image& features() const { return x64_; }     // after the activation
  const float* embedding() const { return embedding_; }
  const void* const* rest() const { return next_; }  // the arrays after those of the decoder

 private:
  static Extent extent(const Widths& w) {
    const int64_t c8 = padded(w.w8), c16 = padded(w.w16), c32 = padded(w.w32), c64 = padded(w.w64);
    const int64_t widest = most(most(c16, c32), c64);
    int64_t weights = winograd_weights(widest);
    weights = most(weights, 9 * w.w16 * c8);                   // 3x3, stride 2
    weights = most(weights, 9 * 24 * widest);                  // 3x3
    weights = most(weights, most(w.w8, widest) * 4 * widest);  // 1x1
    weights = most(weights, 2 * c8 * c8 + c8 * kGrain);        // channels
    weights = most(weights, 2 * kPlaces * kPlaces);            // places
    return {widest, most(4 * most(widest, c8), 2 * kPlaces), weights, w.condition};
  }

  // Writes the planes to the network's inputs of three sizes: squares of pixels become channels.
  void enter(const float* planes) {
    for (int y = 0; y < kLuma; ++y)
      for (int x = 0; x < kLuma; ++x) {
        const float value = 2 * planes[y * kLuma + x] - 1;  // to about [-1, 1]
        *luma_.at(y, x) = value;
        in32_.at(y / 2, x / 2)[y % 2 * 2 + x % 2] = value;
        in16_.at(y / 4, x / 4)[y % 4 * 4 + x % 4] = value;
      }
    for (int c = 0; c < 2; ++c)
      for (int y = 0; y < kChroma; ++y)
        for (int x = 0; x < kChroma; ++x) {
          const float value = 4 * planes[kLuma * kLuma + (c * kChroma + y) * kChroma + x];
          in32_.at(y, x)[4 + c] = value;
          in16_.at(y / 2, x / 2)[16 + c * 4 + y % 2 * 2 + x % 2] = value;
        }
  }

  void embed(float spent) {
    const float share[3] = {spent, __builtin_sqrtf(spent), 1};
    linear(take(3, w_.condition), share, embedding_);
    for (int64_t o = w_.condition; o < padded(w_.condition); ++o) embedding_[o] = 0;
    activate({embedding_, embedding_, padded(w_.condition)});
    condition_ = embedding_;
  }

  // An MLP-Mixer block: mixes the pixels of each channel, then the channels of each pixel.
  void mix() {
    const int64_t c8 = padded(w_.w8), wide = padded(2 * w_.w8);
    normalise_places(exchanged_);
    pointwise(take(kPlaces, 2 * kPlaces), flat(exchanged_, kPlaces, c8), c8,
              flat(hidden_, 2 * kPlaces, c8), false);
    activate({hidden_, hidden_, c8 * 2 * kPlaces});
    pointwise(take(2 * kPlaces, kPlaces), flat(hidden_, 2 * kPlaces, c8), c8,
              flat(exchanged_, kPlaces, c8), false);
    for (int64_t p = 0; p < kPlaces; ++p)
      for (int64_t c = 0; c < w_.w8; ++c) x8_[p * c8 + c] += exchanged_[c * kPlaces + p];

    normalise_places(nullptr);
    pointwise(take(w_.w8, 2 * w_.w8), flat(normal_, c8, kPlaces), kPlaces,
              flat(hidden_, wide, kPlaces), false);
    activate({hidden_, hidden_, kPlaces * wide});
    pointwise(take(2 * w_.w8, w_.w8), flat(hidden_, wide, kPlaces), kPlaces,
              flat(x8_, c8, kPlaces), true);
  }

  void normalise_places(float* exchanged) {
    read(static_cast<const Half*>(next_[0]), w_.w8, scale_);
    read(static_cast<const Half*>(next_[1]), w_.w8, bias_);
    next_ += 2;
    normalise({x8_, kPlaces, w_.w8, padded(w_.w8), scale_, bias_, normal_, exchanged});
  }

  // Enlarges the linear picture, and adds the network's detail.
  void paint(const float* planes) const {
    const Enlarging cubic(kLuma, kCanvas, true), linear(kChroma, kCanvas, false);
    const float* blues = planes + kLuma * kLuma;
    const float* reds = blues + kChroma * kChroma;
    for (int y = 0; y < kCanvas; ++y) {
      float grey[kCanvas], blue[kCanvas], red[kCanvas];
      cubic.line(planes, y, grey);
      linear.line(blues, y, blue);
      linear.line(reds, y, red);
      for (int x = 0; x < kCanvas; ++x) {
        const float b = grey[x] + blue[x] / 0.564f, r = grey[x] + red[x] / 0.713f;
        const float g = (grey[x] - 0.299f * r - 0.114f * b) / 0.587f;
        const float* detail = detail_.at(y / 2, x / 2) + y % 2 * 2 + x % 2;
        float* pixel = picture_ + y * kCanvas + x;
        pixel[0] = r + detail[0];
        pixel[kPixels] = g + detail[4];
        pixel[2 * kPixels] = b + detail[8];
      }
    }
  }

  Widths w_;
  const void* const* arrays_;
  Image luma_, in16_, in32_, x16_, y16_, x32_, y32_, x64_, y64_, detail_;
  float *x8_, *normal_, *exchanged_, *hidden_, *embedding_, *picture_;
};

}  // namespace stc

#endif  // STC_CODEC_DECODER_H
