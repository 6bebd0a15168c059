// The upscaler: stc/codec/torch/upscaler.py, layer by layer in the same order.

#ifndef STC_CODEC_UPSCALER_H
#define STC_CODEC_UPSCALER_H

#include "decoder.h"

namespace stc {

class Upscaler : Network {
 public:
  // w64, w128: channels at 64x64 and at 128x128 pixels.
  Upscaler(const Widths& decoder, int64_t w64, int64_t w128, Arena& arena)
      : Network(extent(decoder, w64, w128), arena), features_(decoder.w64), w64_(w64), w128_(w128) {
    in64_ = arena.image(64, 12);
    x64_ = arena.image(64, padded(w64));
    y64_ = arena.image(64, padded(w64));
    in128_ = arena.image(kCanvas, 3);
    x128_ = arena.image(kCanvas, padded(w128));
    y128_ = arena.image(kCanvas, padded(w128));
    detail_ = arena.image(kCanvas, kGrain);
  }

  // Bytes of scratch memory that an upscaler needs in addition to its decoder.
  static size_t scratch(const Widths& decoder, int64_t w64, int64_t w128) {
    Arena arena = Arena::measure();
    Upscaler(decoder, w64, w128, arena);
    return arena.bytes();
  }

  // Decodes planes to RGB [256, 256, 3]. spent: the share of the model's tokens that the face uses.
  // The arrays of the upscaler follow those of the decoder.
  void draw(Decoder& decoder, const float* planes, float spent, uint8_t* rgb) {
    decoder.decode(planes, spent);
    next_ = decoder.rest();
    condition_ = decoder.embedding();
    const Image* const bordered[] = {&in64_, &x64_, &y64_, &in128_, &x128_, &y128_};
    for (const Image* image : bordered) clear_border(*image);
    enter(decoder.picture());

    convolve(take(12, w64_), in64_, x64_.rows(), 64, 1);
    pointwise(take(features_, w64_), decoder.features().rows(), 64 * 64, x64_.rows(), true);
    for (int i = 0; i < 3; ++i) modulated(w64_, x64_, y64_);

    convolve(take(3, w128_), in128_, x128_.rows(), kCanvas, 1);
    enlarge(take(w64_, 4 * w128_), x64_.rows(), 64, x128_);
    modulated(w128_, x128_, y128_);

    activate({x128_.data, x128_.data, x128_.floats()});
    const Layer leave = take(w128_, 12);
    affine(leave);
    winograd(leave, x128_, detail_, false, false);
    paint(decoder.picture(), rgb);
  }

 private:
  static Extent extent(const Widths& decoder, int64_t w64, int64_t w128) {
    const int64_t widest = most(padded(w64), padded(w128));
    int64_t weights = winograd_weights(widest);
    weights = most(weights, 9 * 12 * widest);
    weights = most(weights, most(decoder.w64, widest) * 4 * widest);
    return {widest, 4 * widest, weights, decoder.condition};
  }

  // Clips the decoder's picture in place, and writes it to the network's inputs of two sizes.
  void enter(float* picture) {
    for (int c = 0; c < 3; ++c)
      for (int y = 0; y < kCanvas; ++y)
        for (int x = 0; x < kCanvas; ++x, ++picture) {
          float value = *picture > 0 ? *picture : 0;
          value = value < 1 ? value : 1;
          *picture = value;
          value = 2 * value - 1;
          in128_.at(y, x)[c] = value;
          in64_.at(y / 2, x / 2)[c * 4 + y % 2 * 2 + x % 2] = value;
        }
  }

  // Enlarges the decoder's picture, and adds the network's detail.
  void paint(const float* picture, uint8_t* rgb) const {
    const Enlarging cubic(kCanvas, kLarge, true);
    for (int y = 0; y < kLarge; ++y) {
      float colours[3][kLarge];
      for (int c = 0; c < 3; ++c) cubic.line(picture + c * kPixels, y, colours[c]);
      for (int x = 0; x < kLarge; ++x) {
        const float* detail = detail_.at(y / 2, x / 2) + y % 2 * 2 + x % 2;
        for (int c = 0; c < 3; ++c) *rgb++ = to_byte(colours[c][x] + detail[4 * c]);
      }
    }
  }

  int64_t features_, w64_, w128_;
  Image in64_, x64_, y64_, in128_, x128_, y128_, detail_;
};

}  // namespace stc

#endif  // STC_CODEC_UPSCALER_H
