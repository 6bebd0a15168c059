// Scratch memory and 16-bit floats.

#ifndef STC_CODEC_MEMORY_H
#define STC_CODEC_MEMORY_H

#include <stddef.h>
#include <stdint.h>

#include "tasks.h"

namespace stc {

// Allocates pieces of the caller's memory, or only computes the total size (`measure`).
struct Arena {
  uintptr_t next, end;

  static Arena of(void* memory, size_t bytes) {
    const uintptr_t start = reinterpret_cast<uintptr_t>(memory);
    return {(start + 63) / 64 * 64, start + bytes};
  }
  static Arena measure() { return {0, UINTPTR_MAX}; }

  float* floats(int64_t count) {
    const uintptr_t here = next;
    next += (static_cast<uintptr_t>(count) * sizeof(float) + 63) / 64 * 64;
    return reinterpret_cast<float*>(here);
  }
  Image image(int64_t size, int64_t channels) {
    Image made{nullptr, size, channels};
    made.data = floats(made.floats());
    return made;
  }
  size_t bytes() const { return next + 64; }  // 64 more, since memory may be unaligned
};

typedef uint16_t Half __attribute__((aligned(1), may_alias));  // 16-bit float, maybe unaligned

inline float to_float(uint16_t half) {
  const uint32_t sign = static_cast<uint32_t>(half & 0x8000) << 16;
  const uint32_t exponent = half >> 10 & 31, fraction = half & 1023;
  if (exponent == 0) {  // zero or subnormal; scales may be subnormal
    const float value = static_cast<float>(fraction) * 0x1p-24f;
    return sign ? -value : value;
  }
  const uint32_t bits = sign | (exponent + 112) << 23 | fraction << 13;
  float value;
  __builtin_memcpy(&value, &bits, sizeof value);
  return value;
}

}  // namespace stc

#endif  // STC_CODEC_MEMORY_H
