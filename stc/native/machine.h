// The vectorised functions for all instruction sets: templates over the width of a vector and the
// tile that fits the registers. They use the vector extensions of gcc and clang for all targets.

#ifndef STC_CODEC_MACHINE_H
#define STC_CODEC_MACHINE_H

#include "tasks.h"
#include "vectors.h"

namespace stc {

// For vectors of LANES floats, and registers that hold tiles of ROWS x VECTORS vectors.
template <int LANES, int ROWS, int VECTORS>
struct Machine {
  using Floats = typename Vector<LANES>::Floats;
  using Ints = typename Vector<LANES>::Ints;
  struct __attribute__((packed, may_alias)) FloatsAnywhere {
    Floats value;
  };
  struct __attribute__((packed, may_alias)) IntsAnywhere {
    Ints value;
  };

  static INLINE Floats load(const float* from) {
    return reinterpret_cast<const FloatsAnywhere*>(from)->value;
  }
  static INLINE void store(float* to, Floats v) {
    reinterpret_cast<FloatsAnywhere*>(to)->value = v;
  }

  // e^x to about one unit in the last place, by a polynomial on [-ln 2 / 2, ln 2 / 2] (Cephes).
  static INLINE Floats exponential(Floats x) {
    const Floats low = Floats{} - 87.0f, high = Floats{} + 87.0f;
    x = x < low ? low : x;
    x = x > high ? high : x;
    const float magic = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer
    const Floats shifted = x * 1.44269504f + magic;
    const Floats whole = shifted - magic;
    const Floats r = x - whole * 0.693359375f + whole * 2.12194440e-4f;
    Floats p = r * 1.9875691500e-4f + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    // The integer is in the lowest bits of `shifted`: shift it to the exponent.
    return p * (Floats)(((Ints)shifted << 23) + (127 << 23));
  }
  static INLINE Floats silu(Floats x) { return x / (1.0f + exponential(-x)); }

  template <int R, int V>
  static INLINE void product_tile(const Product& p, int64_t row, int64_t column) {
    float* out = p.out[row] + column;
    const bool resumed = p.add && !p.scale && !p.bias;
    Floats sums[R][V];
    for (int r = 0; r < R; ++r)
      for (int v = 0; v < V; ++v)
        sums[r][v] = resumed ? load(out + r * p.out.stride + v * LANES) : Floats{};
    const float* a = p.a[row];
    const float* b = p.b + column;
    for (int64_t k = 0; k < p.depth; ++k, b += p.columns) {
      Floats here[V];
      for (int v = 0; v < V; ++v) here[v] = load(b + v * LANES);
      for (int r = 0; r < R; ++r)
        for (int v = 0; v < V; ++v) sums[r][v] += a[r * p.a.stride + k] * here[v];
    }
    for (int v = 0; v < V; ++v) {
      const int64_t at = column + v * LANES;
      const Floats scale = p.scale ? load(p.scale + at) : Floats{} + 1.0f;
      const Floats bias = p.bias ? load(p.bias + at) : Floats{};
      for (int r = 0; r < R; ++r) {
        float* to = out + r * p.out.stride + v * LANES;
        const Floats sum = sums[r][v] * scale + bias;
        store(to, p.add && !resumed ? load(to) + sum : sum);
      }
    }
  }

  static INLINE void product(const Product& p) {
    constexpr int64_t kWide = VECTORS * LANES;
    int64_t column = 0;
    for (; column + kWide <= p.columns; column += kWide) {
      int64_t row = 0;
      for (; row + ROWS <= p.count; row += ROWS) product_tile<ROWS, VECTORS>(p, row, column);
      for (; row < p.count; ++row) product_tile<1, VECTORS>(p, row, column);
    }
    for (; column < p.columns; column += LANES) {
      int64_t row = 0;
      for (; row + ROWS <= p.count; row += ROWS) product_tile<ROWS, 1>(p, row, column);
      for (; row < p.count; ++row) product_tile<1, 1>(p, row, column);
    }
  }

  // B^T d B of 4x4 inputs d.
  static INLINE void transform_inputs(const Winograd& w) {
    const Image& in = *w.in;
    const int64_t across = in.size / 2, line = (in.size + 2) * in.channels;
    for (int64_t tile = 0; tile < w.count; ++tile) {
      const int64_t number = w.first + tile;
      const float* corner = in.at(number / across * 2 - 1, number % across * 2 - 1);
      float* to = w.planes + tile * in.channels;
      for (int64_t c = 0; c < in.channels; c += LANES, corner += LANES, to += LANES) {
        Floats d[4][4];
        for (int i = 0; i < 4; ++i) {  // rows of B^T d
          const Floats one = load(corner + i * in.channels);
          const Floats two = load(corner + line + i * in.channels);
          const Floats three = load(corner + 2 * line + i * in.channels);
          const Floats four = load(corner + 3 * line + i * in.channels);
          d[0][i] = one - three;
          d[1][i] = two + three;
          d[2][i] = three - two;
          d[3][i] = two - four;
        }
        for (int i = 0; i < 4; ++i) {
          store(to + (4 * i + 0) * w.apart, d[i][0] - d[i][2]);
          store(to + (4 * i + 1) * w.apart, d[i][1] + d[i][2]);
          store(to + (4 * i + 2) * w.apart, d[i][2] - d[i][1]);
          store(to + (4 * i + 3) * w.apart, d[i][1] - d[i][3]);
        }
      }
    }
  }

  // A^T m A of 4x4 products m, scaled, shifted, activated, added.
  static INLINE void transform_outputs(const Winograd& w) {
    const Image& out = *w.out;
    const int64_t across = out.size / 2, line = (out.size + 2) * out.channels;
    for (int64_t tile = 0; tile < w.count; ++tile) {
      const int64_t number = w.first + tile;
      float* to = out.at(number / across * 2, number % across * 2);
      const float* from = w.planes + tile * out.channels;
      for (int64_t c = 0; c < out.channels; c += LANES, to += LANES, from += LANES) {
        Floats half[2][4];
        for (int i = 0; i < 4; ++i) {  // rows of A^T m
          const Floats one = load(from + i * w.apart);
          const Floats two = load(from + (4 + i) * w.apart);
          const Floats three = load(from + (8 + i) * w.apart);
          const Floats four = load(from + (12 + i) * w.apart);
          half[0][i] = one + two + three;
          half[1][i] = two - three - four;
        }
        const Floats scale = load(w.scale + c), bias = load(w.bias + c);
        for (int i = 0; i < 2; ++i) {
          Floats pair[2] = {half[i][0] + half[i][1] + half[i][2],
                            half[i][1] - half[i][2] - half[i][3]};
          for (int j = 0; j < 2; ++j) {
            float* pixel = to + i * line + j * out.channels;
            Floats value = pair[j] * scale + bias;
            if (w.activate) value = silu(value);
            store(pixel, w.add ? load(pixel) + value : value);
          }
        }
      }
    }
  }

  // G g G^T of 3x3 weights g, exact: the results are multiples of 1/4.
  static INLINE void transform_kernels(const Kernels& k) {
    const int64_t columns = padded(k.outputs);
    for (int64_t input = 0; input < k.inputs; ++input) {
      const int8_t* g = k.weight + input * k.places * k.outputs;
      widen({g, k.places, k.outputs, k.outputs, k.row, columns});
      for (int64_t m = 0; m < columns; m += LANES) {
        Floats rows[4][3];
        for (int j = 0; j < 3; ++j) {
          const Floats one = load(k.row + j * columns + m);
          const Floats two = load(k.row + (3 + j) * columns + m);
          const Floats three = load(k.row + (6 + j) * columns + m);
          rows[0][j] = one;
          rows[1][j] = (one + two + three) * 0.5f;
          rows[2][j] = (one - two + three) * 0.5f;
          rows[3][j] = three;
        }
        float* to = k.planes + input * columns + m;
        for (int i = 0; i < 4; ++i) {
          const Floats one = rows[i][0], two = rows[i][1], three = rows[i][2];
          store(to + (4 * i + 0) * k.apart, one);
          store(to + (4 * i + 1) * k.apart, (one + two + three) * 0.5f);
          store(to + (4 * i + 2) * k.apart, (one - two + three) * 0.5f);
          store(to + (4 * i + 3) * k.apart, three);
        }
      }
    }
  }

  static INLINE void activate(const Activation& a) {
    for (int64_t i = 0; i < a.count; i += LANES) store(a.out + i, silu(load(a.in + i)));
  }

  // Adds four lanes at a time, which needs a quarter of the additions.
  static INLINE float total(Floats v) {
    float lanes[LANES];
    store(lanes, v);
    typename Vector<4>::Floats four = Machine<4, 4, 2>::load(lanes);
    for (int l = 4; l < LANES; l += 4) four += Machine<4, 4, 2>::load(lanes + l);
    return (four[0] + four[1]) + (four[2] + four[3]);
  }

  static INLINE void normalise(const Normalisation& n) {
    const float unused = static_cast<float>(n.channels - n.width);
    for (int64_t row = 0; row < n.count; ++row) {
      const float* in = n.in + row * n.channels;
      float* out = n.out + row * n.channels;
      Floats sum{}, squares{};
      for (int64_t c = 0; c < n.channels; c += LANES) sum += load(in + c);
      const float mean = total(sum) / static_cast<float>(n.width);
      for (int64_t c = 0; c < n.channels; c += LANES) {
        const Floats centred = load(in + c) - mean;
        squares += centred * centred;
      }
      const float variance = (total(squares) - unused * mean * mean) / static_cast<float>(n.width);
      const float factor = 1 / __builtin_sqrtf(variance + 1e-5f);
      for (int64_t c = 0; c < n.channels; c += LANES)
        store(out + c, (load(in + c) - mean) * factor * load(n.gain + c) + load(n.bias + c));
      if (n.exchanged)
        for (int64_t c = 0; c < n.channels; ++c) n.exchanged[c * n.count + row] = out[c];
    }
  }

  static INLINE void widen(const Widening& w) {
    for (int64_t r = 0; r < w.rows; ++r) {
      const int8_t* __restrict from = w.in + r * w.in_stride;
      float* __restrict to = w.out + r * w.out_stride;
      for (int64_t c = 0; c < w.columns; ++c) to[c] = from[c];
      for (int64_t c = w.columns; c < w.out_stride; ++c) to[c] = 0;
    }
  }

  // A strip is 4 * LANES 8-bit numbers. It is loaded as LANES 32-bit integers with 4 neighbours
  // each; two shifts turn any of the 4 into a sign-extended integer, which is cheaper than widening
  // in order. The other factors of a product are sorted to match: all of j = 0, then j = 1, ...
  static constexpr int64_t kStrip = 4 * LANES;

  static INLINE Ints load_strip(const int8_t* from) {
    return reinterpret_cast<const IntsAnywhere*>(from)->value;
  }
  static INLINE Floats quarter(Ints strip, int j) {
    return __builtin_convertvector((strip << (24 - 8 * j)) >> 24, Floats);
  }
  static INLINE int64_t sorted(int64_t place) {  // within a strip
    return place % 4 * LANES + place / 4;
  }

  // As `widen`, for layers whose outputs are the 2x2 pixels of each channel in turn: out has all
  // channels of the first of the 4 pixels, then of the second, ...
  static INLINE void widen_quarters(const Widening& w) {
    const int64_t channels = w.columns / 4, part = w.out_stride / 4;
    const int64_t strips = channels / LANES;
    for (int64_t r = 0; r < w.rows; ++r) {
      const int8_t* from = w.in + r * w.in_stride;
      float* to = w.out + r * w.out_stride;
      for (int64_t s = 0; s < strips; ++s) {
        const Ints strip = load_strip(from + s * kStrip);
        for (int j = 0; j < 4; ++j) store(to + j * part + s * LANES, quarter(strip, j));
      }
      for (int64_t c = strips * LANES; c < part; ++c)
        for (int j = 0; j < 4; ++j) to[j * part + c] = c < channels ? from[4 * c + j] : 0;
    }
  }

  // Vectors at a time, limited by the registers; a strip is converted to floats once for all.
  static constexpr int kVectors = ROWS / 2;
  static constexpr int64_t kRows = 32;  // rows that stay in the cache while all vectors use them

  template <int R, int N>
  static INLINE void dots_of(const Dots& d, int64_t strips, int64_t row, int64_t first) {
    Floats sums[R][N];
    for (int r = 0; r < R; ++r)
      for (int i = 0; i < N; ++i) sums[r][i] = Floats{};
    const float* vectors = d.scratch + first * strips * kStrip;
    for (int64_t s = 0; s < strips; ++s, vectors += kStrip) {
      const int64_t column = least(s * kStrip, d.columns - kStrip);
      Ints strip[R];
      for (int r = 0; r < R; ++r) strip[r] = load_strip(d.values + (row + r) * d.stride + column);
      for (int j = 0; j < 4; ++j) {
        Floats weights[R];
        for (int r = 0; r < R; ++r) weights[r] = quarter(strip[r], j);
        for (int i = 0; i < N; ++i) {
          const Floats factor = load(vectors + i * strips * kStrip + j * LANES);
          for (int r = 0; r < R; ++r) sums[r][i] += weights[r] * factor;
        }
      }
    }
    for (int i = 0; i < N; ++i)
      for (int r = 0; r < R; ++r) d.found[(first + i) * d.rows + row + r] = total(sums[r][i]);
  }

  template <int N>
  static INLINE void dots_of_rows(const Dots& d, int64_t strips, int64_t row, int64_t end,
                                  int64_t first) {
    for (; row + 4 <= end; row += 4) dots_of<4, N>(d, strips, row, first);
    for (; row < end; ++row) dots_of<1, N>(d, strips, row, first);
  }

  static INLINE void dots(const Dots& d) {
    if (d.columns < kStrip) {
      for (int64_t i = 0; i < d.count; ++i)
        for (int64_t r = 0; r < d.rows; ++r) {
          float sum = 0;
          for (int64_t c = 0; c < d.columns; ++c)
            sum += d.vectors[i * d.columns + c] * d.values[r * d.stride + c];
          d.found[i * d.rows + r] = sum;
        }
      return;
    }
    // The last strip ends at the end of the row, so it overlaps the one before; the factors of the
    // overlapping columns are zero.
    const int64_t strips = (d.columns + kStrip - 1) / kStrip;
    for (int64_t i = 0; i < d.count; ++i)
      for (int64_t s = 0; s < strips; ++s) {
        const int64_t first = least(s * kStrip, d.columns - kStrip);
        float* strip = d.scratch + (i * strips + s) * kStrip;
        for (int64_t at = 0; at < kStrip; ++at)
          strip[sorted(at)] = first + at < s * kStrip ? 0 : d.vectors[i * d.columns + first + at];
      }
    for (int64_t row = 0; row < d.rows; row += kRows) {
      const int64_t end = least(d.rows, row + kRows);
      int64_t i = 0;
      for (; i + kVectors <= d.count; i += kVectors)
        dots_of_rows<kVectors>(d, strips, row, end, i);
      for (; i < d.count; ++i) dots_of_rows<1>(d, strips, row, end, i);
    }
  }

  template <int R>
  static INLINE void add_rows(const Sums& s, int64_t row) {
    const int8_t* values = s.values + row * s.columns;
    int64_t column = 0;
    for (; column + kStrip <= s.columns; column += kStrip) {
      Floats sums[4];
      for (int j = 0; j < 4; ++j) sums[j] = load(s.scratch + column + j * LANES);
      for (int r = 0; r < R; ++r) {
        const Ints strip = load_strip(values + r * s.columns + column);
        for (int j = 0; j < 4; ++j) sums[j] += quarter(strip, j) * s.x[row + r];
      }
      for (int j = 0; j < 4; ++j) store(s.scratch + column + j * LANES, sums[j]);
    }
    for (int r = 0; r < R; ++r)
      for (int64_t c = column; c < s.columns; ++c)
        s.scratch[c] += s.x[row + r] * values[r * s.columns + c];
  }

  // Row by row, so that the matrix is read once, in memory order; the sums stay in the cache.
  static INLINE void sums(const Sums& s) {
    for (int64_t c = 0; c < s.columns; ++c) s.scratch[c] = 0;
    int64_t row = 0;
    for (; row + 4 <= s.rows; row += 4) add_rows<4>(s, row);
    for (; row < s.rows; ++row) add_rows<1>(s, row);
    const int64_t end = s.columns / kStrip * kStrip;
    for (int64_t c = 0; c < s.columns; ++c)
      s.found[c] = s.scratch[c < end ? c - c % kStrip + sorted(c % kStrip) : c];
  }
};

}  // namespace stc

#endif  // STC_CODEC_MACHINE_H
