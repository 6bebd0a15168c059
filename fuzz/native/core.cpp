// A libFuzzer target of what is compiled: hostile bytes where callers check nothing further.
//
// The first byte chooses a function, unless STC_ONLY_DECODE is defined; the next ones the shape of a
// small model or search, and the rest are payload, tokens, weights. Shapes are those that Python lets through; counts, groups and
// indices may be anything. Arrays have exactly the size that they need, so the address sanitizer
// sees every step beyond them, and results are held to what the functions promise.

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <vector>

#include "../../stc/native/search_plan.h"

extern "C" {
int stc_decode(const uint8_t*, int, const int32_t*, const uint32_t* const*, int, int32_t*);
int stc_unpack(const uint8_t*, const int8_t*, const uint8_t*, const int8_t*, const int8_t*, int,
               int, int, int, int8_t*);
int stc_planes(const int32_t*, const void* const*, int, const int32_t*, int, float*, void*, size_t);
size_t stc_planes_scratch(const int32_t*);
int stc_project(const float*, int, const int8_t*, const float*, int, int, float*, void*, size_t,
                int);
int stc_expand(const float*, int, int, const int8_t*, const float*, int, int, float*, void*, size_t,
               int);
size_t stc_product_scratch(int, int);
int32_t stc_nearest_1(const Problem*, int32_t);
}

namespace {

constexpr int kPlanes = 6144;

void require(bool holds) {
  if (!holds) abort();
}

// The input, front to back; zeros, or an endless pattern of it for arrays, behind its end.
struct Input {
  const uint8_t* next;
  const uint8_t* end;
  uint32_t state = 2463534242u;

  uint8_t byte() { return next < end ? *next++ : 0; }
  int below(int limit) { return byte() % limit; }
  int32_t number() {  // mostly small, sometimes any
    const uint8_t kind = byte();
    if (kind < 240) return kind % 16 - 2;
    uint32_t value = 0;
    for (int i = 0; i < 4; ++i) value = value << 8 | byte();
    return static_cast<int32_t>(value);
  }
  uint8_t filler() {
    if (next < end) return *next++;
    state ^= state << 13, state ^= state >> 17, state ^= state << 5;
    return static_cast<uint8_t>(state);
  }
  template <typename Number>
  std::vector<Number> array(size_t count) {
    std::vector<Number> made(count);
    uint8_t* bytes = reinterpret_cast<uint8_t*>(made.data());
    const size_t size = count * sizeof(Number), left = static_cast<size_t>(end - next);
    const size_t given = size < left ? size : left;
    if (given) memcpy(bytes, next, given);
    next += given;
    for (size_t i = given; i < size; i += 4) {
      state ^= state << 13, state ^= state >> 17, state ^= state << 5;
      memcpy(bytes + i, &state, size - i < 4 ? size - i : 4);
    }
    return made;
  }
  std::vector<uint8_t> rest() { return {next, end}; }
};

// A row of frequencies, each at least 1, that sum to 2^16.
void share(Input& in, uint32_t* row, int codewords) {
  uint32_t left = (1u << 16) - static_cast<uint32_t>(codewords);
  for (int k = 0; k < codewords; ++k) {
    const uint32_t part = k + 1 < codewords ? left * in.filler() / 256 : left;
    row[k] = 1 + part;
    left -= part;
  }
}

struct Model {
  std::vector<int32_t> shape;
  int groups, tokens = 0;

  explicit Model(Input& in) : groups(1 + in.below(3)) {
    const int levels = 1 + in.below(3), components = 1 + in.below(9);
    shape = {groups, components, levels};
    for (int l = 0; l < levels; ++l) {
      const int own = 1 + in.below(4), codewords = in.byte() & 1 ? 1 + in.below(4) : 256;
      shape.insert(shape.end(), {1 + in.below(components), own, codewords, 1 + in.below(12),
                                 in.byte() & 1 ? groups : 1});
      tokens += own;
    }
  }
};

// A model and its frequencies, which are sound whatever a stranger sends.
struct Tables {
  Model model;
  std::vector<std::vector<uint32_t>> counts;
  std::vector<const uint32_t*> addresses;

  explicit Tables(Input in) : model(in) {
    counts.emplace_back(model.groups);
    share(in, counts[0].data(), model.groups);
    for (int l = 0; l < model.shape[2]; ++l) {
      const int32_t* level = &model.shape[3 + 5 * l];
      const int rows = level[4] * level[1];
      counts.emplace_back(rows * level[2]);
      for (int r = 0; r < rows; ++r) share(in, &counts.back()[r * level[2]], level[2]);
    }
    for (const auto& own : counts) addresses.push_back(own.data());
  }

  static const std::vector<Tables>& all() {
    static const std::vector<Tables> made = [] {
      std::vector<Tables> tables;
      tables.reserve(64);
      for (uint32_t seed = 1; seed <= 64; ++seed) {
        uint8_t bytes[32];
        for (int i = 0; i < 32; ++i) bytes[i] = static_cast<uint8_t>(seed * 2654435761u >> i % 24);
        tables.emplace_back(Input{bytes, bytes + 32, seed * 2654435761u});
      }
      return tables;
    }();
    return made;
  }
};

void decode(Input& in) {
  const Tables& tables = Tables::all()[in.below(64)];
  const Model& model = tables.model;
  const int count = in.below(model.tokens + 3);
  const std::vector<uint8_t> payload = in.rest();
  std::vector<int32_t> found(1 + (count < model.tokens ? count : model.tokens), -1);
  const int failed = stc_decode(payload.data(), static_cast<int>(payload.size()),
                                model.shape.data(), tables.addresses.data(), count, found.data());
  require(failed >= 0 && failed <= 3 && (failed || count <= model.tokens));
  if (failed) return;
  require(found[0] >= 0 && found[0] < model.groups);
  for (int l = 0, at = 1; l < model.shape[2]; ++l)
    for (int t = 0; t < model.shape[4 + 5 * l] && at <= count; ++t, ++at)
      require(found[at] >= 0 && found[at] < model.shape[5 + 5 * l]);
}

void planes(Input& in) {
  const Model model(in);
  const int count = in.number(), group = in.number(), components = model.shape[1];
  const std::vector<int32_t> indices = [&] {
    std::vector<int32_t> made(model.tokens);
    for (int32_t& one : made) one = in.number();
    return made;
  }();
  std::vector<std::vector<uint8_t>> arrays;
  arrays.push_back(in.array<uint8_t>(2 * kPlanes));  // mean
  arrays.push_back(in.array<uint8_t>(kPlanes * components));
  arrays.push_back(in.array<uint8_t>(2 * components));
  for (int l = 0; l < model.shape[2]; ++l) {
    const int32_t* n = &model.shape[3 + 5 * l];  // components, tokens, codewords, used, groups
    arrays.push_back(in.array<uint8_t>(n[1]));   // widths, which need not fit
    arrays.push_back(in.array<uint8_t>(n[4] * n[2] * n[3]));
    arrays.push_back(in.array<uint8_t>(2 * n[3]));
    arrays.push_back(in.array<uint8_t>(n[0] * n[3]));
    arrays.push_back(in.array<uint8_t>(2 * n[3]));
  }
  std::vector<const void*> addresses;
  for (const auto& own : arrays) addresses.push_back(own.data());
  std::vector<float> drawn(kPlanes);
  std::vector<uint8_t> scratch(stc_planes_scratch(model.shape.data()));
  const int failed =
      stc_planes(model.shape.data(), addresses.data(), group, indices.data(), count, drawn.data(),
                 scratch.data(), scratch.size());
  require(failed == 0 || failed == 3);
  require(failed || (group >= 0 && group < model.groups && count <= model.tokens));
}

void products(Input& in) {
  const int batch = in.below(8), rows = 1 + in.below(70), columns = 1 + in.below(140);
  const int width = 1 + in.byte() % columns, threads = 1 + in.below(2);
  const auto values = in.array<int8_t>(static_cast<size_t>(rows) * columns);
  const auto scale = in.array<float>(columns);
  const auto x = in.array<float>(static_cast<size_t>(batch) * rows);
  const auto v = in.array<float>(static_cast<size_t>(batch) * width);
  std::vector<float> across(static_cast<size_t>(batch) * columns),
      down(static_cast<size_t>(batch) * rows);
  std::vector<uint8_t> scratch(threads * stc_product_scratch(batch, columns));
  require(stc_project(x.data(), batch, values.data(), scale.data(), rows, columns, across.data(),
                      scratch.data(), scratch.size(), threads) == 0);
  require(stc_expand(v.data(), batch, width, values.data(), scale.data(), rows, columns,
                     down.data(), scratch.data(), scratch.size(), threads) == 0);
}

void unpack(Input& in) {
  const int bits = in.below(9), columns = 1 + in.below(30), strong = in.below(columns + 1);
  const bool mirrored = in.byte() == 255;  // seldom: it has many rows
  const int rows = mirrored ? kPlanes / 2 : 1 + in.below(5), coded = columns - strong;
  size_t bytes = 0;
  for (int width = 4; width; width /= 2)
    if (bits & width) bytes += (static_cast<size_t>(coded) * width + 7) / 8;
  const auto codes = in.array<uint8_t>(rows * bytes), tops = in.array<uint8_t>(rows);
  const auto curve = in.array<int8_t>(size_t{1} << bits);
  const auto first = in.array<int8_t>(static_cast<size_t>(rows) * strong);
  const auto mirror = in.array<int8_t>(columns);
  std::vector<int8_t> values(static_cast<size_t>(mirrored ? 2 : 1) * rows * columns);
  const int failed = stc_unpack(codes.data(), curve.data(), tops.data(),
                                strong ? first.data() : nullptr, mirrored ? mirror.data() : nullptr,
                                rows, columns, strong, bits, values.data());
  require(failed == (bits < 1 || bits > 7 || strong >= columns ? 3 : 0));
}

void nearest(Input& in) {
  const int64_t images = in.below(20), groups = 1 + in.below(3), tokens = 1 + in.below(3);
  const int64_t codewords = 1 + in.below(40), dimensions = 1 + in.below(66);
  const int64_t padded = (codewords + 15) / 16 * 16, books = groups * tokens;
  const bool is_chosen = in.byte() & 1, has_penalty = in.byte() & 1;
  std::vector<int64_t> chosen(images);
  bool is_sound = true;
  for (int64_t& one : chosen) {
    one = int64_t{in.number()} + 2;
    is_sound = is_sound && one >= 0 && one < groups;
  }
  const auto latents = in.array<float>(images * tokens * dimensions);
  const auto columns = in.array<float>(books * dimensions * padded);
  const auto bias = in.array<float>(books * padded);
  const auto codebooks = in.array<float>(books * codewords * dimensions);
  const auto penalty = in.array<float>(books * codewords);
  const auto centre = in.array<float>(tokens * dimensions);
  const size_t results = images * tokens * (is_chosen ? 1 : groups);
  std::vector<int64_t> indices(results, -1);
  std::vector<float> costs(results);
  // A bias like the real one: numbers, and infinity in the padding.
  std::vector<float> sound = bias;
  for (int64_t i = 0; i < books * padded; ++i)
    sound[i] = i % padded < codewords ? static_cast<float>(i % 7) : __builtin_inff();
  const Problem problem{latents.data(),
                        columns.data(),
                        sound.data(),
                        codebooks.data(),
                        has_penalty ? penalty.data() : nullptr,
                        centre.data(),
                        is_chosen ? chosen.data() : nullptr,
                        indices.data(),
                        costs.data(),
                        images,
                        groups,
                        tokens,
                        codewords,
                        padded,
                        dimensions};
  const int32_t failed = stc_nearest_1(&problem, 1 + in.below(2));
  require(failed == (dimensions > 64 ? 1 : is_chosen && !is_sound ? 2 : 0));
  if (failed) return;
  for (const int64_t index : indices) require(index >= 0 && index < codewords);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Input in{data, data + size};
#if defined(STC_ONLY_DECODE)
  decode(in);
  return 0;
#endif
  switch (in.byte() % 16) {
    case 0: planes(in); break;
    case 1: products(in); break;
    case 2: unpack(in); break;
    case 3: nearest(in); break;
    default: decode(in);  // what strangers' files reach
  }
  return 0;
}
