// The layers of the decoder and of the upscaler: weights in order, convolutions, residual blocks.

#ifndef STC_CODEC_NETWORK_H
#define STC_CODEC_NETWORK_H

#include "dispatch.h"
#include "memory.h"

namespace stc {

struct Layer {
  const int8_t* weight;  // [inputs, outputs] or [inputs, 3, 3, outputs]
  const Half* scale;     // [outputs]
  const Half* bias;
  int64_t inputs, outputs;
};

// The largest sizes among the layers of a network.
struct Extent {
  int64_t channels;   // of a feature map, padded
  int64_t outputs;    // of a layer, padded
  int64_t weights;    // floats of a layer's weights, after the Winograd transform if 3x3
  int64_t condition;  // size of the embedding of the spent share
};

// Number of floats of the transformed weights of a 3x3 Winograd convolution.
inline int64_t winograd_weights(int64_t channels) { return kPlanes * (channels * channels + kGrain); }

class Network {
 protected:
  Network(const Extent& extent, Arena& arena) : conditions_(extent.condition) {
    kernel_ = arena.floats(9 * extent.channels);
    scale_ = arena.floats(extent.outputs);
    bias_ = arena.floats(extent.outputs);
    modulation_ = arena.floats(extent.outputs);
    apart_ = kTiles * most(extent.channels, kGrain) + kGrain;
    planes_in_ = arena.floats(kPlanes * apart_);
    planes_out_ = arena.floats(kPlanes * apart_);
    pixels_ = arena.floats(kTiles * 4 * extent.channels);
    weights_ = arena.floats(extent.weights);
  }

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

  // Applies a linear layer to one vector.
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

  // Reads scale and bias of a layer's outputs, for the products that follow.
  APART void affine(const Layer& layer) {
    read(layer.scale, layer.outputs, scale_);
    read(layer.bias, layer.outputs, bias_);
  }

  // Applies a linear layer to each pixel: in [count, inputs] -> out, added to out if `add`.
  APART void pointwise(const Layer& layer, const Rows& in, int64_t count, const Rows& out, bool add) {
    const int64_t columns = padded(layer.outputs);
    affine(layer);
    widen({layer.weight, layer.inputs, layer.outputs, layer.outputs, weights_, columns});
    product({in, count, layer.inputs, weights_, columns, out, scale_, bias_, add});
  }

  // A 3x3 convolution as three matrix products, one per line, since three neighbouring pixels are
  // contiguous. With padded channels they are not, and there are nine products.
  APART void convolve(const Layer& layer, const Image& in, const Rows& out, int64_t size,
                int64_t stride) {
    const int64_t columns = padded(layer.outputs), line = (in.size + 2) * in.channels;
    affine(layer);
    for (int64_t place = 0; place < 9; ++place)
      widen({layer.weight + place * layer.outputs, layer.inputs, layer.outputs, 9 * layer.outputs,
             weights_ + place * layer.inputs * columns, columns});
    for (int64_t i = 0; i < 3; ++i)
      // Padded channels are not inputs, so then each pixel needs a separate product.
      for (int64_t j = 0; j < (in.channels == layer.inputs ? 1 : 3); ++j) {
        const int64_t together = in.channels == layer.inputs ? 3 : 1;
        const Rows a{in.at(i - 1, j - 1), stride * in.channels, size, stride * line};
        product({a, size * size, together * layer.inputs,
                 weights_ + (3 * i + j) * layer.inputs * columns, columns, out, scale_,
                 i + j ? nullptr : bias_, i + j > 0});
      }
  }

  // A 3x3 Winograd convolution, with the scale and bias that `affine` has read.
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

  // Applies a linear layer to each pixel, whose outputs are 2x2 pixels, and adds them to a feature
  // map of twice the size (pixel shuffle).
  APART void enlarge(const Layer& layer, const Rows& in, int64_t size, const Image& out) {
    const int64_t part = out.channels, columns = 4 * part;
    widen_quarters({layer.weight, layer.inputs, layer.outputs, layer.outputs, weights_, columns});
    for (int64_t m = 0; m < columns; ++m) scale_[m] = bias_[m] = 0;
    for (int64_t m = 0; m < layer.outputs; ++m) {
      scale_[m % 4 * part + m / 4] = to_float(layer.scale[m]);
      bias_[m % 4 * part + m / 4] = to_float(layer.bias[m]);
    }
    const int64_t lines = least(size, kTiles / size);  // lines computed at a time
    for (int64_t top = 0; top < size; top += lines) {
      const Rows a{in[top * size], in.stride, in.run, in.skip};
      product({a, lines * size, layer.inputs, weights_, columns,
               flat(pixels_, columns, lines * size), scale_, bias_});
      const int64_t pair = 2 * part;  // two pixels of a line, contiguous in source and target
      for (int64_t i = 0; i < 2 * lines * size; ++i) {
        const int64_t pixel = i / 2, y = 2 * (top + pixel / size) + i % 2, x = 2 * (pixel % size);
        const float* from = pixels_ + i * pair;
        float* to = out.at(y, x);
        for (int64_t c = 0; c < pair; ++c) to[c] += from[c];
      }
    }
  }

  // Residual block of two convolutions; the condition scales and shifts the first one's output.
  APART void modulated(int64_t channels, const Image& x, const Image& inner) {
    linear(take(conditions_, 2 * channels), condition_, modulation_);
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

  int64_t conditions_;
  const float* condition_ = nullptr;      // the embedding of the spent share
  const void* const* next_ = nullptr;     // the first array of the next layer
  float *kernel_, *scale_, *bias_, *modulation_, *planes_in_, *planes_out_, *pixels_, *weights_;
  int64_t apart_;
};

}  // namespace stc

#endif  // STC_CODEC_NETWORK_H
