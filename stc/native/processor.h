// The vector instructions of this processor, and the attributes to compile functions for them.

#ifndef STC_PROCESSOR_H
#define STC_PROCESSOR_H

#define INLINE inline __attribute__((always_inline))
#define APART inline __attribute__((noinline))  // keeps the code size small

// On Windows gcc assumes that the stack is aligned for vectors of more than 16 bytes, which it is
// not: libraries built there with gcc only use 128 bits.
#if defined(__x86_64__) && defined(__GNUC__) && (defined(__clang__) || !defined(_WIN32))
#define STC_WIDER 1  // vectors of more than 128 bits are possible

#if !defined(STC_MAX_LANES)
#define STC_MAX_LANES 16  // tests set a lower limit to run the code of smaller processors
#endif

#define MIDDLE __attribute__((target("avx2,fma")))
#define LARGE __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx2,fma")))

namespace stc {

INLINE bool is_middle() {
  return STC_MAX_LANES >= 8 && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
}
INLINE bool is_large() {
  return STC_MAX_LANES >= 16 && is_middle() && __builtin_cpu_supports("avx512f") &&
         __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
         __builtin_cpu_supports("avx512vl");
}

}  // namespace stc

#endif

#endif  // STC_PROCESSOR_H
