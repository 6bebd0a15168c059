"""The search as one Triton kernel; distances stay in registers and are never stored.

A program searches one token for a tile of images of the same group. The latents are split into two
bfloat16 once, the codebook was split when it was prepared. Three tensor-core products
    hi * hi + hi * lo + lo * hi
are added to the bias and give every score with a relative error of about 2^-16. At 16 dimensions
the instructions after the products limit the speed. So the minimum is taken over groups of
neighbouring codewords, whose scores one thread holds, and elementwise over blocks: two instructions
per codeword, and one reduction at the end. All codewords of the best group are then measured
directly, in float32, from the original codebook.
"""

# Triton reads annotations as types, so this file must not postpone their evaluation.
import triton
import triton.language as tl


@triton.jit
def measure(
    latents,  # pointers [IMAGES] to the latents
    codewords,  # pointers [IMAGES] to a codeword of each
    valid,
    dimensions,
    WIDTH: tl.constexpr,  # noqa: N803 - Triton's custom for constants
):
    """Squared distance of every image to its codeword [IMAGES], 16 dimensions at a time."""
    total = tl.zeros(valid.shape, tl.float32)
    for start in tl.static_range(0, WIDTH, 16):
        d = start + tl.arange(0, 16)[None, :]
        mask = (d < dimensions) & valid[:, None]
        z = tl.load(latents[:, None] + d, mask=mask, other=0.0)
        c = tl.load(codewords[:, None] + d, mask=mask, other=0.0)
        total += tl.sum((z - c) * (z - c), 1)
    return total


# Sizes are not specialized, so that no value of a size causes another compilation.
SIZES = ["images", "groups", "tokens", "codewords", "chunks", "dimensions"]


@triton.jit(do_not_specialize=SIZES, do_not_specialize_on_alignment=["latents"])
def nearest_kernel(
    latents,  # float32 [B, T, D]
    high,  # bfloat16 [G, T, K padded, D padded]
    low,  # the same: centred codebook = high + low
    bias,  # float32 [G, T, K padded], infinite in the padding
    codebooks,  # float32 [G, T, K, D], as given
    penalty,  # float32 [G, T, K], read if HAS_PENALTY
    centre,  # float32 [T, D]
    order,  # int64 [B]: images sorted by group, read if GIVEN
    tiles,  # int64 [3, tiles]: group, first place in the order, end; read if GIVEN
    indices,  # int64 [B, G, T], or [B, T] if GIVEN
    costs,  # float32, likewise
    images,
    groups,
    tokens,
    codewords,
    chunks,  # padded codewords / CHUNK
    dimensions,
    GIVEN: tl.constexpr,  # noqa: N803
    HAS_PENALTY: tl.constexpr,  # noqa: N803
    WIDTH: tl.constexpr,  # noqa: N803
    IMAGES: tl.constexpr,  # noqa: N803
    BLOCK: tl.constexpr,  # noqa: N803
    TOGETHER: tl.constexpr,  # noqa: N803
    CHUNK: tl.constexpr,  # noqa: N803
    STAGES: tl.constexpr,  # noqa: N803
):
    tile, token = tl.program_id(0).to(tl.int64), tl.program_id(1)
    if GIVEN:
        count = tl.num_programs(0)
        group = tl.load(tiles + tile)
        begin, end = tl.load(tiles + count + tile), tl.load(tiles + 2 * count + tile)
        place = begin + tl.arange(0, IMAGES)
        inside = place < end
        searched = tl.where(begin < end, chunks * CHUNK, 0)  # nothing for an empty tile
        row = tl.load(order + place, mask=inside, other=0)
        slot = row
    else:
        pieces = tl.cdiv(images, IMAGES)
        group = tile // pieces
        row = tile % pieces * IMAGES + tl.arange(0, IMAGES)
        inside = row < images
        slot = row * groups + group
        searched = chunks * CHUNK
    book = group * tokens + token
    column = book * chunks * CHUNK

    d = tl.arange(0, WIDTH)
    own = d < dimensions
    z_at = latents + (row * tokens + token) * dimensions
    z = tl.load(z_at[:, None] + d[None, :], mask=own[None, :] & inside[:, None], other=0.0)
    middle = tl.load(centre + token * dimensions + d, mask=own, other=0.0)
    away = middle[None, :] - z  # negative: the products are subtracted from the bias
    z_high = away.to(tl.bfloat16)
    z_low = (away - z_high.to(tl.float32)).to(tl.bfloat16)

    k = tl.arange(0, BLOCK)
    best = tl.full((IMAGES, BLOCK // TOGETHER), float("inf"), tl.float32)
    at = tl.zeros((IMAGES, BLOCK // TOGETHER), tl.int32)
    c_at = (column + k)[None, :] * WIDTH + d[:, None]
    high_at, low_at = high + c_at, low + c_at
    bias_at = bias + column + k
    for start in tl.range(0, searched, BLOCK, num_stages=STAGES):
        c_high = tl.load(high_at)
        c_low = tl.load(low_at)
        score = tl.broadcast_to(tl.load(bias_at)[None, :], (IMAGES, BLOCK))
        score = tl.dot(z_low, c_high, score)
        score = tl.dot(z_high, c_low, score)
        score = tl.dot(z_high, c_high, score)
        score = tl.min(tl.reshape(score, (IMAGES, BLOCK // TOGETHER, TOGETHER)), 2)
        at = tl.where(score < best, start, at)  # strict: a tie stays with the lower block
        best = tl.minimum(best, score)
        high_at += BLOCK * WIDTH
        low_at += BLOCK * WIDTH
        bias_at += BLOCK

    least = tl.min(best, 1)
    at += TOGETHER * tl.arange(0, BLOCK // TOGETHER)[None, :]
    first = tl.min(tl.where(best == least[:, None], at, 2147483647), 1).to(tl.int64)
    # If all scores are NaN (latents near the limit of float32) there is no minimum: use 0.
    first = tl.where(first < codewords, first, 0)
    winner, cost = first, tl.full((IMAGES,), float("inf"), tl.float32)
    for n in tl.static_range(TOGETHER):
        exists = inside & (first + n < codewords)
        pair = book * codewords + first + n
        own_cost = measure(z_at, codebooks + pair * dimensions, exists, dimensions, WIDTH)
        if HAS_PENALTY:
            own_cost += tl.load(penalty + pair, mask=exists, other=0.0)
        nearer = exists & (own_cost < cost)
        winner = tl.where(nearer, first + n, winner)
        cost = tl.where(nearer, own_cost, cost)
    tl.store(indices + slot * tokens + token, winner, mask=inside)
    tl.store(costs + slot * tokens + token, cost, mask=inside)
