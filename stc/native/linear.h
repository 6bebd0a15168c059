// Tokens -> planes: the linear part of the decoder.

#ifndef STC_CODEC_LINEAR_H
#define STC_CODEC_LINEAR_H

#include "decoder.h"
#include "matrices.h"

namespace stc {

// The shape of a model's tokens, as core.cpp describes it.
struct Shape {
  const int32_t* numbers;

  struct Level {
    int32_t components, tokens, codewords, used, groups;

    // The group of the level's codebooks for a group of the model: 0 if all groups share them.
    int32_t own(int32_t group) const { return groups > 1 ? group : 0; }
  };

  int32_t groups() const { return numbers[0]; }
  int32_t components() const { return numbers[1]; }
  int32_t levels() const { return numbers[2]; }
  Level level(int32_t l) const {
    const int32_t* n = numbers + 3 + 5 * l;
    return {n[0], n[1], n[2], n[3], n[4]};
  }
};

class Linear {
 public:
  // arrays: see stc_planes in core.cpp.
  Linear(const Shape& shape, const void* const* arrays, Arena arena)
      : shape_(shape), arrays_(arrays), arena_(arena) {
    int64_t widest = shape.components();
    for (int32_t l = 0; l < shape.levels(); ++l) widest = most(widest, shape.level(l).used);
    components_ = arena_.floats(shape.components());
    part_ = arena_.floats(shape.components());
    latents_ = arena_.floats(widest);
    scale_ = arena_.floats(widest);
    scratch_ = arena_.bytes() + product_scratch(1, widest);
  }

  size_t scratch() const { return scratch_; }

  // Computes planes [6144] of the indices of `count` tokens. Returns false if the group, an index
  // or the count is out of range.
  bool draw(int32_t group, const int32_t* indices, int32_t count, float* planes) {
    int32_t known = 0;
    for (int32_t l = 0; l < shape_.levels(); ++l) known += shape_.level(l).tokens;
    if (group < 0 || group >= shape_.groups() || count > known) return false;
    for (int64_t z = 0; z < shape_.components(); ++z) components_[z] = 0;
    for (int32_t l = 0; l < shape_.levels() && count > 0; ++l) {
      const Shape::Level level = shape_.level(l);
      const int32_t here = count < level.tokens ? count : level.tokens;
      for (int32_t t = 0; t < here; ++t)
        if (indices[t] < 0 || indices[t] >= level.codewords) return false;
      const void* const* its = arrays_ + 3 + 5 * l;
      const int64_t width = gather(level, its, group, indices, here);
      multiply(latents_, width, its + 3, level.components, level.used, part_);
      for (int64_t z = 0; z < level.components; ++z) components_[z] += part_[z];
      indices += here;
      count -= here;
    }
    multiply(components_, shape_.components(), arrays_ + 1, kPlaneFloats, shape_.components(),
             planes);
    const Half* mean = static_cast<const Half*>(arrays_[0]);
    for (int64_t i = 0; i < kPlaneFloats; ++i) {
      // Undo the weight of chroma: a sample covers 2x2 luma samples (PLANE_WEIGHT in planes.py).
      if (i >= kLuma * kLuma) planes[i] /= kLuma / kChroma;
      planes[i] += to_float(mean[i]);
    }
    return true;
  }

 private:
  // Writes the codewords of a level's first tokens to latents; returns the number of latents.
  int64_t gather(const Shape::Level& level, const void* const* its, int32_t group,
                 const int32_t* indices, int32_t count) {
    const uint8_t* widths = static_cast<const uint8_t*>(its[0]);
    const Half* scale = static_cast<const Half*>(its[2]);
    const int64_t used = level.used;
    const int8_t* books =
        static_cast<const int8_t*>(its[1]) + level.own(group) * level.codewords * used;
    int64_t d = 0;
    for (int32_t t = 0; t < count; ++t) {
      const int8_t* codeword = books + indices[t] * used;
      for (const int64_t end = least(used, d + widths[t]); d < end; ++d)
        latents_[d] = static_cast<float>(codeword[d]) * to_float(scale[d]);
    }
    return d;
  }

  // matrix: its values and its scale.
  void multiply(const float* v, int64_t width, const void* const* matrix, int64_t rows,
                int64_t columns, float* out) {
    const Half* scale = static_cast<const Half*>(matrix[1]);
    for (int64_t c = 0; c < width; ++c) scale_[c] = to_float(scale[c]);
    expand(v, 1, width, {static_cast<const int8_t*>(matrix[0]), scale_, rows, columns}, out,
           arena_);
  }

  Shape shape_;
  const void* const* arrays_;
  Arena arena_;
  float *components_, *part_, *latents_, *scale_;
  size_t scratch_;
};

}  // namespace stc

#endif  // STC_CODEC_LINEAR_H
