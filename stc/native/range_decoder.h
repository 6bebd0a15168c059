// The range decoder, which turns a payload into symbols; conformance/format.md defines it.

#ifndef STC_CODEC_RANGE_DECODER_H
#define STC_CODEC_RANGE_DECODER_H

#include <stdint.h>

namespace stc {

class RangeDecoder {
 public:
  RangeDecoder(const uint8_t* payload, int64_t size) : payload_(payload), size_(size) {
    point_ = word() << 32;
    point_ |= word();
  }

  // Returns the next symbol of an alphabet, or -1 if the payload's point is beyond all symbols.
  int32_t symbol(const uint32_t* frequencies, int32_t alphabet) {
    if (alphabet == 1) return 0;  // takes no bits
    const uint64_t scale = range_ >> 24, q = (point_ - low_) / scale;
    uint64_t below = 0;
    for (int32_t s = 0; s < alphabet; ++s) {
      const uint64_t own = 256 * static_cast<uint64_t>(frequencies[s]);
      if (q < below + own) {
        low_ += scale * below;
        range_ = scale * own;
        if (range_ >> 32 == 0) {
          low_ <<= 32;
          range_ <<= 32;
          point_ = point_ << 32 | word();
        }
        return s;
      }
      below += own;
    }
    return -1;
  }

  // Whether the payload is canonical: the shortest one that decodes to these symbols, and the
  // smallest of these. That is, no smaller multiple of the unit of its last byte lies in the
  // interval, and no multiple of 256 units does. `inside` is the payload's distance from the
  // beginning of the interval.
  bool is_shortest() const {
    if (size_ == 0) return true;
    const int64_t unit = 8 * (read_ - size_);  // as a power of two
    const uint64_t last = payload_[size_ - 1], inside = point_ - low_;
    if (unit < 0 || last == 0) return false;
    if (unit >= 64) return true;
    return inside >> unit == 0 && (range_ - inside - 1) >> unit < 256 - last;
  }

 private:
  uint64_t word() {  // the next 32 bits; zeros after the end
    uint64_t value = 0;
    for (int i = 0; i < 4; ++i, ++read_) value = value << 8 | (read_ < size_ ? payload_[read_] : 0);
    return value;
  }

  const uint8_t* payload_;
  int64_t size_, read_ = 0;
  uint64_t low_ = 0, range_ = ~0ull, point_ = 0;
};

}  // namespace stc

#endif  // STC_CODEC_RANGE_DECODER_H
