// The convolutional decoder: stc/codec/torch/decoder.py, layer by layer in the same order.

#ifndef STC_CODEC_DECODER_H
#define STC_CODEC_DECODER_H

#include "dispatch.h"
#include "enlarging.h"
#include "memory.h"

namespace stc {

struct Layer {
  const int8_t* weight;  // [inputs, outputs] or [inputs, 3, 3, outputs]
  const Half* scale;     // [outputs]
  const Half* bias;
  int64_t inputs, outputs;
};

struct Widths {
  int64_t w8, w16, w32, w64, condition;

  explicit Widths(const int32_t* w) : w8(w[0]), w16(w[1]), w32(w[2]), w64(w[3]), condition(w[4]) {}
};

constexpr int kLuma = 64, kChroma = 32;
constexpr int kPlaneFloats = kLuma * kLuma + 2 * kChroma * kChroma;
constexpr int kCoarse = 8, kPlaces = kCoarse * kCoarse;  // where every place talks to every other

class Decoder {
 public:
  // arrays: of each layer in the order of its first use the weight, the scale, the bias; of each
  // normalisation the gain and the bias.
  Decoder(const Widths& widths, const void* const* arrays, Arena& arena)
      : w_(widths), arrays_(arrays) {
    const int64_t c8 = padded(w_.w8), c16 = padded(w_.w16), c32 = padded(w_.w32);
    const int64_t c64 = padded(w_.w64), widest = most(most(c16, c32), c64);
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
    kernel_ = arena.floats(9 * widest);
    condition_ = arena.floats(padded(w_.condition));
    const int64_t outputs = most(4 * most(widest, c8), 2 * kPlaces);
    scale_ = arena.floats(outputs);
    bias_ = arena.floats(outputs);
    modulation_ = arena.floats(outputs);
    apart_ = kTiles * most(widest, kGrain) + kGrain;
    planes_in_ = arena.floats(kPlanes * apart_);
    planes_out_ = arena.floats(kPlanes * apart_);
    pixels_ = arena.floats(kTiles * 4 * widest);
    int64_t weights = kPlanes * (widest * widest + kGrain);  // 3x3
    weights = most(weights, 9 * w_.w16 * c8);                // 3x3, stride 2
    weights = most(weights, 9 * 24 * widest);
    weights = most(weights, most(w_.w8, widest) * 4 * widest);  // 1x1
    weights = most(weights, 2 * c8 * c8 + c8 * kGrain);         // channels
    weights = most(weights, 2 * kPlaces * kPlaces);             // places
    weights_ = arena.floats(weights);
  }

  // Bytes of scratch memory that a decoder needs.
  static size_t scratch(const Widths& widths) {
    Arena arena = Arena::measure();
    Decoder(widths, nullptr, arena);
    return arena.bytes();
  }

  // Planes and the share of all tokens spent on them -> RGB [128, 128, 3].
  void draw(const float* planes, float spent, uint8_t* rgb) {
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
    paint(planes, rgb);
  }

 private:
  Layer take(int64_t inputs, int64_t outputs) {
    const Layer layer{static_cast<const int8_t*>(next_[0]), static_cast<const Half*>(next_[1]),
                      static_cast<const Half*>(next_[2]), inputs, outputs};
    next_ += 3;
    return layer;
  }

  static void clear_border(const Image& image) {
    const int64_t side = image.size + 2, line = side * image.channels;
    for (int64_t i = 0; i < line; ++i) image.data[i] = image.data[(side - 1) * line + i] = 0;
    for (int64_t y = 1; y < side - 1; ++y)
      for (int64_t c = 0; c < image.channels; ++c)
        image.data[y * line + c] = image.data[(y + 1) * line - image.channels + c] = 0;
  }

  // The planes as the network sees them at three sizes: squares of pixels become channels.
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
    linear(take(3, w_.condition), share, condition_);
    for (int64_t o = w_.condition; o < padded(w_.condition); ++o) condition_[o] = 0;
    activate({condition_, condition_, padded(w_.condition)});
  }

  // One vector through a layer.
  APART static void linear(const Layer& layer, const float* x, float* out) {
    for (int64_t o = 0; o < layer.outputs; ++o) out[o] = 0;
    for (int64_t i = 0; i < layer.inputs; ++i)
      for (int64_t o = 0; o < layer.outputs; ++o)
        out[o] += x[i] * layer.weight[i * layer.outputs + o];
    for (int64_t o = 0; o < layer.outputs; ++o)
      out[o] = out[o] * to_float(layer.scale[o]) + to_float(layer.bias[o]);
  }

  APART static void read(const Half* in, int64_t count, float* out) {
    for (int64_t i = 0; i < padded(count); ++i) out[i] = i < count ? to_float(in[i]) : 0;
  }

  // Scale and bias of a layer's outputs, for the products that follow.
  APART void affine(const Layer& layer) {
    read(layer.scale, layer.outputs, scale_);
    read(layer.bias, layer.outputs, bias_);
  }

  // A layer of every place on its own: in [count, inputs] -> out, added to it if `add`.
  APART void pointwise(const Layer& layer, const Rows& in, int64_t count, float* out, bool add) {
    const int64_t columns = padded(layer.outputs);
    affine(layer);
    widen({layer.weight, layer.inputs, layer.outputs, layer.outputs, weights_, columns});
    product({in, count, layer.inputs, weights_, columns, flat(out, columns, count), scale_, bias_,
             add});
  }

  // A 3x3 convolution, as three matrix products: the three pixels of a line lie together.
  void convolve(const Layer& layer, const Image& in, const Rows& out, int64_t size,
                int64_t stride) {
    const int64_t columns = padded(layer.outputs), line = (in.size + 2) * in.channels;
    affine(layer);
    for (int64_t place = 0; place < 9; ++place)
      widen({layer.weight + place * layer.outputs, layer.inputs, layer.outputs, 9 * layer.outputs,
             weights_ + place * layer.inputs * columns, columns});
    for (int64_t i = 0; i < 3; ++i)
      // Padding in the channels is no input.
      for (int64_t j = 0; j < (in.channels == layer.inputs ? 1 : 3); ++j) {
        const int64_t together = in.channels == layer.inputs ? 3 : 1;
        const Rows a{in.at(i - 1, j - 1), stride * in.channels, size, stride * line};
        product({a, size * size, together * layer.inputs,
                 weights_ + (3 * i + j) * layer.inputs * columns, columns, out, scale_,
                 i + j ? nullptr : bias_, i + j > 0});
      }
  }

  // A 3x3 convolution of many channels, with the scale and bias that stand ready.
  APART void winograd(const Layer& layer, const Image& in, const Image& out, bool add,
                      bool activate) {
    const int64_t columns = padded(layer.outputs), apart = layer.inputs * columns + kGrain;
    transform_kernels({layer.weight, layer.inputs, 9, layer.outputs, weights_, apart, kernel_});
    const int64_t tiles = in.size * in.size / 4;
    for (int64_t first = 0; first < tiles; first += kTiles) {
      const int64_t count = least(kTiles, tiles - first);
      transform_inputs({&in, &out, first, count, planes_in_, apart_, scale_, bias_, add, activate});
      for (int64_t f = 0; f < kPlanes; ++f)
        product({flat(planes_in_ + f * apart_, in.channels, count), count, layer.inputs,
                 weights_ + f * apart, columns, flat(planes_out_ + f * apart_, columns, count)});
      transform_outputs(
          {&in, &out, first, count, planes_out_, apart_, scale_, bias_, add, activate});
    }
  }

  // A layer of every pixel on its own whose outputs are 2x2 pixels, added to a picture twice as
  // large.
  void enlarge(const Layer& layer, const Rows& in, int64_t size, const Image& out) {
    const int64_t part = out.channels, columns = 4 * part;
    widen_quarters({layer.weight, layer.inputs, layer.outputs, layer.outputs, weights_, columns});
    for (int64_t m = 0; m < columns; ++m) scale_[m] = bias_[m] = 0;
    for (int64_t m = 0; m < layer.outputs; ++m) {
      scale_[m % 4 * part + m / 4] = to_float(layer.scale[m]);
      bias_[m % 4 * part + m / 4] = to_float(layer.bias[m]);
    }
    const int64_t lines = least(size, kTiles / size);  // at a time
    for (int64_t top = 0; top < size; top += lines) {
      const Rows a{in[top * size], in.stride, in.run, in.skip};
      product({a, lines * size, layer.inputs, weights_, columns,
               flat(pixels_, columns, lines * size), scale_, bias_});
      const int64_t pair = 2 * part;  // pixels of a line, which lie together here and there
      for (int64_t i = 0; i < 2 * lines * size; ++i) {
        const int64_t pixel = i / 2, y = 2 * (top + pixel / size) + i % 2, x = 2 * (pixel % size);
        const float* from = pixels_ + i * pair;
        float* to = out.at(y, x);
        for (int64_t c = 0; c < pair; ++c) to[c] += from[c];
      }
    }
  }

  // Residual block of two convolutions, scaled and shifted by the spent share.
  void modulated(int64_t channels, const Image& x, const Image& inner) {
    linear(take(w_.condition, 2 * channels), condition_, modulation_);
    const Layer first = take(channels, channels);
    affine(first);
    for (int64_t c = 0; c < channels; ++c) {
      const float scale = 1 + modulation_[c];
      scale_[c] *= scale;
      bias_[c] = bias_[c] * scale + modulation_[channels + c];
    }
    winograd(first, x, inner, false, true);
    const Layer second = take(channels, channels);
    affine(second);
    winograd(second, inner, x, true, false);
  }

  // Every place talks to every other, then every channel to every other.
  void mix() {
    const int64_t c8 = padded(w_.w8), wide = padded(2 * w_.w8);
    normalise_places(exchanged_);
    pointwise(take(kPlaces, 2 * kPlaces), flat(exchanged_, kPlaces, c8), c8, hidden_, false);
    activate({hidden_, hidden_, c8 * 2 * kPlaces});
    pointwise(take(2 * kPlaces, kPlaces), flat(hidden_, 2 * kPlaces, c8), c8, exchanged_, false);
    for (int64_t p = 0; p < kPlaces; ++p)
      for (int64_t c = 0; c < w_.w8; ++c) x8_[p * c8 + c] += exchanged_[c * kPlaces + p];

    normalise_places(nullptr);
    pointwise(take(w_.w8, 2 * w_.w8), flat(normal_, c8, kPlaces), kPlaces, hidden_, false);
    activate({hidden_, hidden_, kPlaces * wide});
    pointwise(take(2 * w_.w8, w_.w8), flat(hidden_, wide, kPlaces), kPlaces, x8_, true);
  }

  void normalise_places(float* exchanged) {
    read(static_cast<const Half*>(next_[0]), w_.w8, scale_);
    read(static_cast<const Half*>(next_[1]), w_.w8, bias_);
    next_ += 2;
    normalise({x8_, kPlaces, w_.w8, padded(w_.w8), scale_, bias_, normal_, exchanged});
  }

  // The linear picture, enlarged, and the network's detail on top.
  void paint(const float* planes, uint8_t* rgb) const {
    const Enlarging cubic(kLuma, true), linear(kChroma, false);
    const float* blues = planes + kLuma * kLuma;
    const float* reds = blues + kChroma * kChroma;
    for (int y = 0; y < kCanvas; ++y) {
      float grey[kCanvas], blue[kCanvas], red[kCanvas];
      cubic.line(planes, y, grey);
      linear.line(blues, y, blue);
      linear.line(reds, y, red);
      for (int x = 0; x < kCanvas; ++x, rgb += 3) {
        const float b = grey[x] + blue[x] / 0.564f, r = grey[x] + red[x] / 0.713f;
        const float g = (grey[x] - 0.299f * r - 0.114f * b) / 0.587f;
        const float* detail = detail_.at(y / 2, x / 2) + y % 2 * 2 + x % 2;
        rgb[0] = to_byte(r + detail[0]);
        rgb[1] = to_byte(g + detail[4]);
        rgb[2] = to_byte(b + detail[8]);
      }
    }
  }

  // Rounded to even, as elsewhere; NaN becomes 0.
  static uint8_t to_byte(float value) {
    value *= 255;
    value = value > 0 ? value : 0;
    value = value < 255 ? value : 255;
    return static_cast<uint8_t>(value + 12582912.0f - 12582912.0f);
  }

  Widths w_;
  const void* const* arrays_;
  const void* const* next_ = nullptr;
  Image luma_, in16_, in32_, x16_, y16_, x32_, y32_, x64_, y64_, detail_;
  float *x8_, *normal_, *exchanged_, *hidden_, *kernel_, *condition_, *scale_, *bias_, *modulation_;
  float *planes_in_, *planes_out_, *pixels_, *weights_;
  int64_t apart_;
};

}  // namespace stc

#endif  // STC_CODEC_DECODER_H
