// Distributes work over threads that end with the call.
//
// There is no thread pool and no OpenMP: a call needs no thread of an earlier one, so a process may
// fork between calls, and two libraries in one process never wait for each other. Starting a thread
// takes tens of microseconds; `threads_for` keeps small work on the caller's thread, where it is
// faster. In WebAssembly everything runs on the caller's thread.

#ifndef STC_PARALLEL_H
#define STC_PARALLEL_H

#include <stdint.h>

#if !defined(__wasm__)
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#endif

namespace stc {

constexpr int kMaxThreads = 64;
constexpr double kWorthwhile = 150;  // microseconds of work that justify starting a thread
constexpr int kPatience = 100;       // microseconds of busy waiting for the other threads

// The fastest number of threads, at most `limit`, for work that takes one core `microseconds`.
inline int threads_for(double microseconds, int limit) {
  const double worth = microseconds / kWorthwhile;
  const int most = limit < kMaxThreads ? limit : kMaxThreads;
  if (most <= 1 || worth < 2) return 1;
  return worth < most ? static_cast<int>(worth) : most;
}

#if !defined(__wasm__)
// The progress of one call. It is shared by the threads: a thread that the system starts only after
// the call has returned finds no work left, so the call does not have to wait for it.
class Pieces {
 public:
  Pieces(int64_t count, int64_t size) : count_(count), size_(size) {}

  // Runs pieces until none is left to begin.
  template <typename Run>
  void work(const Run* run) {
    for (;;) {
      const int64_t first = begun_.fetch_add(size_, std::memory_order_relaxed);
      if (first >= count_) return;
      const int64_t end = first + size_ < count_ ? first + size_ : count_;
      (*run)(first, end);
      if (done_.fetch_add(end - first, std::memory_order_acq_rel) + end - first == count_) {
        const std::lock_guard<std::mutex> lock(mutex_);
        all_done_.notify_one();
      }
    }
  }

  // Waits for pieces that other threads have begun.
  void wait() {
    const auto patience = std::chrono::steady_clock::now() + std::chrono::microseconds(kPatience);
    while (std::chrono::steady_clock::now() < patience)
      if (done_.load(std::memory_order_acquire) == count_) return;
    std::unique_lock<std::mutex> lock(mutex_);
    all_done_.wait(lock, [this] { return done_.load(std::memory_order_acquire) == count_; });
  }

 private:
  const int64_t count_, size_;
  std::atomic<int64_t> begun_{0}, done_{0};
  std::mutex mutex_;
  std::condition_variable all_done_;
};
#endif

// Calls run(first, end) for all pieces of 0 .. count, each of at most `size`, on `threads` threads
// including the caller's. `run` must not throw. If the system grants fewer threads, or starts them
// late, the running ones do the work.
template <typename Run>
inline void parallel(int64_t count, int64_t size, int threads, const Run& run) {
  if (threads > kMaxThreads) threads = kMaxThreads;
  const int64_t pieces = (count + size - 1) / size;
  if (threads > pieces) threads = static_cast<int>(pieces);
#if !defined(__wasm__)
  if (threads > 1) {
    std::shared_ptr<Pieces> shared;
    try {
      shared = std::make_shared<Pieces>(count, size);
      const Run* const borrowed = &run;  // used only while the caller waits for the piece
      for (int i = 1; i < threads; ++i)
        std::thread([shared, borrowed] { shared->work(borrowed); }).detach();
    } catch (...) {  // no memory, or the process cannot start more threads
    }
    if (shared) {
      shared->work(&run);
      shared->wait();
      return;
    }
  }
#endif
  for (int64_t first = 0; first < count; first += size)
    run(first, first + size < count ? first + size : count);
}

}  // namespace stc

#endif  // STC_PARALLEL_H
