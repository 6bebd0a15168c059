// Vectors of 4, 8 and 16 numbers, as vector extensions of gcc and clang for all targets.

#ifndef STC_VECTORS_H
#define STC_VECTORS_H

#include <stdint.h>

#include "processor.h"

namespace stc {

template <int... NUMBERS>
struct Numbers {};

template <int LANES>
struct Vector;  // one specialization per width: few compilers allow a parameter in the attribute

template <>
struct Vector<4> {
  typedef float Floats __attribute__((vector_size(16)));
  typedef int32_t Ints __attribute__((vector_size(16)));
  using Numbered = Numbers<0, 1, 2, 3>;
};
template <>
struct Vector<8> {
  typedef float Floats __attribute__((vector_size(32)));
  typedef int32_t Ints __attribute__((vector_size(32)));
  using Numbered = Numbers<0, 1, 2, 3, 4, 5, 6, 7>;
};
template <>
struct Vector<16> {
  typedef float Floats __attribute__((vector_size(64)));
  typedef int32_t Ints __attribute__((vector_size(64)));
  using Numbered = Numbers<0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15>;
};

// Exchanges lanes: lane l gets the value of lane l ^ STEP.
template <int STEP, typename Lanes, int... L>
INLINE Lanes exchanged(Lanes v, Numbers<L...>) {
#if defined(__clang__)
  return __builtin_shufflevector(v, v, (L ^ STEP)...);
#else
  return __builtin_shuffle(v, typename Vector<sizeof...(L)>::Ints{(L ^ STEP)...});
#endif
}

// The minimum over all lanes, in every lane.
template <int LANES, typename Lanes, int STEP = LANES / 2>
INLINE Lanes least_lane(Lanes v) {
  const Lanes other = exchanged<STEP>(v, typename Vector<LANES>::Numbered{});
  v = other < v ? other : v;
  if constexpr (STEP > 1) v = least_lane<LANES, Lanes, STEP / 2>(v);
  return v;
}

}  // namespace stc

#endif  // STC_VECTORS_H
