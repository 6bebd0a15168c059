// One function per task, which uses the widest vectors that this processor supports.
//
// The compilers' target_clones are not suitable: all clones share one source, and a tile that fits
// the registers of one instruction set does not fit those of another.

#ifndef STC_CODEC_DISPATCH_H
#define STC_CODEC_DISPATCH_H

#include "machine.h"
#include "processor.h"

namespace stc {

using Small = Machine<4, 4, 2>;  // 128 bits: SSE2, NEON, WebAssembly

#if defined(STC_WIDER)

using Middle = Machine<8, 4, 2>;  // AVX2
using Large = Machine<16, 8, 2>;  // AVX-512

#define FUNCTION(name, Task)                                                         \
  LARGE APART void name##_large(const Task& t) { Large::name(t); }                   \
  MIDDLE APART void name##_middle(const Task& t) { Middle::name(t); }                \
  APART void name##_small(const Task& t) { Small::name(t); }                         \
  inline void name(const Task& t) {                                                  \
    is_large() ? name##_large(t) : is_middle() ? name##_middle(t) : name##_small(t); \
  }

#else

#define FUNCTION(name, Task) \
  APART void name(const Task& t) { Small::name(t); }

#endif

FUNCTION(product, Product)
FUNCTION(transform_inputs, Winograd)
FUNCTION(transform_outputs, Winograd)
FUNCTION(transform_kernels, Kernels)
FUNCTION(activate, Activation)
FUNCTION(normalise, Normalisation)
FUNCTION(widen, Widening)
FUNCTION(widen_quarters, Widening)
FUNCTION(dots, Dots)
FUNCTION(sums, Sums)

}  // namespace stc

#endif  // STC_CODEC_DISPATCH_H
