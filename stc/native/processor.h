// Which vectors the processor has that this runs on, and what compiles a function for them.

#ifndef STC_PROCESSOR_H
#define STC_PROCESSOR_H

#define INLINE inline __attribute__((always_inline))
#define APART inline __attribute__((noinline))  // or it would stand wherever it is called

// gcc keeps vectors of more than 16 bytes on the stack of Windows as if that were aligned for them,
// which it is not: a library that it built there has the least of the machines alone.
#if defined(__x86_64__) && defined(__GNUC__) && (defined(__clang__) || !defined(_WIN32))
#define STC_WIDER 1  // there may be more than 128 bits

#if !defined(STC_MAX_LANES)
#define STC_MAX_LANES 16  // less, for tests of what this processor would not run
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
