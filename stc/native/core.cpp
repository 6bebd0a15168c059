// The codec's core: payload -> tokens -> planes -> picture, and its matrix products.
//
// One translation unit without dependencies, for gcc and clang, and as WebAssembly for web pages:
//   clang++ --target=wasm32 -msimd128 -O3 -nostdlib -fno-exceptions -fno-rtti -Wl,--no-entry
// Functions allocate no memory and keep no state between calls: the caller passes scratch memory,
// and a model's arrays are read in place, in 8 and 16 bits. So calls from several threads are
// independent. Batches are distributed over threads; a call with one face runs on the caller's.

#include "parallel.h"
#include "linear.h"
#include "matrices.h"
#include "packing.h"
#include "range_decoder.h"
#include "upscaler.h"

#if defined(__wasm__)
#define EXPORT(name) extern "C" __attribute__((export_name(#name)))
#elif defined(_WIN32)
#define EXPORT(name) extern "C" __declspec(dllexport)
#else
#define EXPORT(name) extern "C" __attribute__((visibility("default")))
#endif

namespace stc {

// Functions that return int return 0 for success, or one of these errors.
enum { kNoSymbol = 1, kNotShortest = 2, kBadArguments = 3, kScratchTooSmall = 4 };

// Calls run(first, end, arena) for every part of a batch, with `each` bytes of scratch memory.
template <typename Run>
int spread(int64_t batch, int parts, void* scratch, size_t bytes, size_t each, const Run& run) {
  if (batch <= 0) return 0;
  if (parts < 1) parts = 1;
  const int64_t size = (batch + parts - 1) / parts;
  const int64_t pieces = (batch + size - 1) / size;
  if (bytes / each < static_cast<size_t>(pieces)) return kScratchTooSmall;
  parallel(batch, size, parts, [&](int64_t first, int64_t end) {
    run(first, end, Arena::of(static_cast<char*>(scratch) + first / size * each, each));
  });
  return 0;
}

}  // namespace stc

using namespace stc;

// Decodes a payload: found[0] is the group, found[1 ..] are the indices of `count` tokens.
//
// shape: groups, components, levels; then for every level its components, tokens, codewords, the
// total dimensions of its tokens, and its groups: the number of the model, or 1 if all groups share
// the codebooks. counts: the frequencies of the groups, and of every level [groups, tokens,
// codewords].
EXPORT(stc_decode)
int stc_decode(const uint8_t* payload, int size, const int32_t* shape,
               const uint32_t* const* counts, int count, int32_t* found) {
  const Shape model{shape};
  RangeDecoder decoder(payload, size);
  const int32_t group = decoder.symbol(counts[0], model.groups());
  if (group < 0) return kNoSymbol;
  *found++ = group;
  for (int32_t l = 0; l < model.levels() && count > 0; ++l) {
    const Shape::Level level = model.level(l);
    const uint32_t* row =
        counts[1 + l] + static_cast<int64_t>(level.own(group)) * level.tokens * level.codewords;
    for (int32_t t = 0; t < level.tokens && count > 0; ++t, --count, row += level.codewords) {
      const int32_t index = decoder.symbol(row, level.codewords);
      if (index < 0) return kNoSymbol;
      *found++ = index;
    }
  }
  if (count > 0) return kBadArguments;
  return decoder.is_shortest() ? 0 : kNotShortest;
}

// Unpacks a matrix to 8-bit values [rows, columns], or [2 rows, columns] with a mirror.
//
// codes: [rows, bytes], codes of `bits` bits. curve: [2^bits]. tops: [rows]. first: [rows, strong],
// or null if strong is 0. mirror: [columns], or null.
EXPORT(stc_unpack)
int stc_unpack(const uint8_t* codes, const int8_t* curve, const uint8_t* tops, const int8_t* first,
               const int8_t* mirror, int rows, int columns, int strong, int bits, int8_t* values) {
  if (bits < 1 || bits > 7 || strong < 0 || strong >= columns) return kBadArguments;
  if (mirror && 2 * rows != kPlaneFloats) return kBadArguments;
  unpack({codes, curve, tops, first, rows, columns, strong, bits}, mirror, values);
  return 0;
}

// Computes the planes [6144] of a group and the indices of `count` tokens. shape: as above.
//
// arrays: mean, basis and its scale; then for every level the widths of its tokens, the codebooks
// and their scale, the synthesis and its scale. All matrices are in 8 bits, not packed.
EXPORT(stc_planes)
int stc_planes(const int32_t* shape, const void* const* arrays, int group, const int32_t* indices,
               int count, float* planes, void* scratch, size_t bytes) {
  Linear linear(Shape{shape}, arrays, Arena::of(scratch, bytes));
  if (bytes < Linear(Shape{shape}, arrays, Arena::measure()).scratch()) return kScratchTooSmall;
  return linear.draw(group, indices, count, planes) ? 0 : kBadArguments;
}

// Bytes of scratch memory that stc_planes needs.
EXPORT(stc_planes_scratch)
size_t stc_planes_scratch(const int32_t* shape) {
  return Linear(Shape{shape}, nullptr, Arena::measure()).scratch();
}

// Decodes planes [faces, 6144] to RGB [faces, 128, 128, 3].
//
// spent: [faces], the share of the model's tokens that each face uses. widths: channels at 8x8,
// 16x16, 32x32 and 64x64 pixels, and of the condition. arrays: for each layer of the decoder, in
// the order of use, weight, scale and bias; for each normalisation gain and bias.
EXPORT(stc_render)
int stc_render(const int32_t* widths, const void* const* arrays, const float* planes,
               const float* spent, int faces, uint8_t* rgb, void* scratch, size_t bytes,
               int threads) {
  const size_t each = Decoder::scratch(Widths(widths));
  return spread(faces, threads, scratch, bytes, each, [&](int64_t first, int64_t end, Arena arena) {
    Decoder decoder(Widths(widths), arrays, arena);
    for (int64_t i = first; i < end; ++i)
      decoder.draw(planes + i * kPlaneFloats, spent[i], rgb + i * kCanvas * kCanvas * 3);
  });
}

// Bytes of scratch memory that stc_render needs for each thread.
EXPORT(stc_render_scratch)
size_t stc_render_scratch(const int32_t* widths) { return Decoder::scratch(Widths(widths)); }

// Bytes of scratch memory that stc_render_large needs for each thread.
EXPORT(stc_render_large_scratch)
size_t stc_render_large_scratch(const int32_t* widths) {
  const Widths own(widths);
  return Decoder::scratch(own) + Upscaler::scratch(own, widths[5], widths[6]);
}

// As stc_render, followed by the upscaler: RGB [faces, 256, 256, 3].
//
// widths: those of the decoder, then the upscaler's channels at 64x64 and 128x128 pixels. arrays:
// those of the decoder, then those of the upscaler's layers in the order of use.
EXPORT(stc_render_large)
int stc_render_large(const int32_t* widths, const void* const* arrays, const float* planes,
                     const float* spent, int faces, uint8_t* rgb, void* scratch, size_t bytes,
                     int threads) {
  const Widths own(widths);
  const size_t each = stc_render_large_scratch(widths);
  return spread(faces, threads, scratch, bytes, each, [&](int64_t first, int64_t end, Arena arena) {
    Decoder decoder(own, arrays, arena);
    Upscaler upscaler(own, widths[5], widths[6], arena);
    for (int64_t i = first; i < end; ++i)
      upscaler.draw(decoder, planes + i * kPlaneFloats, spent[i], rgb + i * kLarge * kLarge * 3);
  });
}

#if defined(__wasm__)

extern unsigned char __heap_base;

// The first address of free memory, for the arrays of a web page.
EXPORT(stc_heap) void* stc_heap() { return &__heap_base; }

// Functions that the compiler may call, without a C library. volatile prevents that it turns their
// loops into calls of themselves.
extern "C" void* memset(void* to, int value, size_t size) {
  for (size_t i = 0; i < size; ++i) static_cast<volatile char*>(to)[i] = static_cast<char>(value);
  return to;
}
extern "C" void* memcpy(void* to, const void* from, size_t size) {
  for (size_t i = 0; i < size; ++i)
    static_cast<volatile char*>(to)[i] = static_cast<const char*>(from)[i];
  return to;
}

#else

// out [batch, columns] = x [batch, rows] @ M, where M = values [rows, columns] * scale [columns].
EXPORT(stc_project)
int stc_project(const float* x, int batch, const int8_t* values, const float* scale, int rows,
                int columns, float* out, void* scratch, size_t bytes, int threads) {
  const Matrix matrix{values, scale, rows, columns};
  return spread(batch, threads, scratch, bytes, product_scratch(batch, columns),
                [&](int64_t first, int64_t end, const Arena& arena) {
                  project(x + first * rows, end - first, matrix, out + first * columns, arena);
                });
}

// out [batch, rows] = v [batch, width] @ M[:, :width].T.
EXPORT(stc_expand)
int stc_expand(const float* v, int batch, int width, const int8_t* values, const float* scale,
               int rows, int columns, float* out, void* scratch, size_t bytes, int threads) {
  const Matrix matrix{values, scale, rows, columns};
  return spread(batch, threads, scratch, bytes, product_scratch(batch, columns),
                [&](int64_t first, int64_t end, const Arena& arena) {
                  expand(v + first * width, end - first, width, matrix, out + first * rows, arena);
                });
}

// Bytes of scratch memory that stc_project and stc_expand need for each thread.
EXPORT(stc_product_scratch)
size_t stc_product_scratch(int batch, int columns) { return product_scratch(batch, columns); }

#endif
