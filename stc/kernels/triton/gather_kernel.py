"""One Triton kernel that gathers codewords of any number of levels."""

# Triton reads annotations as types, so this file must not postpone their evaluation.
import triton
import triton.language as tl


@triton.jit(
    do_not_specialize=["tokens", "width"], do_not_specialize_on_alignment=["indices", "groups"]
)
def gather_kernel(
    indices,  # int64 [B, T]
    groups,  # int64 [B]
    flat,  # float32: the codebooks of all levels
    columns,  # int64 [4, N]: token, first position, numbers per codeword, numbers per group
    output,  # float32 [B, N]
    tokens,
    width,
    BLOCK: tl.constexpr,  # noqa: N803
):
    image = tl.program_id(0).to(tl.int64)
    n = tl.program_id(1) * BLOCK + tl.arange(0, BLOCK)
    inside = n < width
    token = tl.load(columns + n, mask=inside, other=0)
    base = tl.load(columns + width + n, mask=inside, other=0)
    a_codeword = tl.load(columns + 2 * width + n, mask=inside, other=0)
    a_group = tl.load(columns + 3 * width + n, mask=inside, other=0)
    index = tl.load(indices + image * tokens + token, mask=inside, other=0)
    at = base + tl.load(groups + image) * a_group + index * a_codeword
    value = tl.load(flat + at, mask=inside, other=0.0)
    tl.store(output + image * width + n, value, mask=inside)
