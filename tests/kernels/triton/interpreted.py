"""The Triton kernels in Triton's own interpreter, against the definition.

Run by test_interpreted.py in a process of its own, since Triton decides at import whether it
interprets: TRITON_INTERPRET=1 python -m tests.kernels.triton.interpreted

The registry then lets the Triton kernels serve tensors on the CPU, so whatever calls the public
search can be tried with them: set STC_BACKEND=triton, and call `repair_interpreter` first.
"""

import os
from typing import Any

import numpy as np
import torch
import triton.language as tl
from triton.runtime import interpreter

from stc.kernels import triton as backend
from stc.kernels.torch import PackedCodebooks, PreparedCodebooks, search
from stc.kernels.torch.packed import gather
from tests.kernels.cases import RELATIVE, SHAPES
from tests.kernels.torch.tensors import make, nearest, tied


def create_dot(self: Any, a: Any, b: Any, d: Any, *_: Any) -> Any:
    """tl.dot of bfloat16 by value: the interpreter of triton 3.6 to 3.9 multiplies bit patterns."""
    x, y = (
        (h.data.astype(np.uint32) << 16).view(np.float32)
        if h.dtype.scalar == tl.bfloat16
        else h.data
        for h in (a, b)
    )
    product = np.matmul(x, y, dtype=np.float32) + d.data
    return interpreter.TensorHandle(product, d.dtype.scalar)


def repair_interpreter() -> None:
    """Make it multiply bfloat16 as a GPU does."""
    interpreter.InterpreterBuilder.create_dot = create_dot


def check(latents, codebooks, penalty) -> None:
    """Both ways to search, both variants of the kernel."""
    indices, costs = nearest(latents, codebooks, penalty)
    prepared = PreparedCodebooks(codebooks, penalty)
    images = torch.arange(len(latents))
    given = images % len(codebooks)
    for found, expected in (
        (backend.run(latents, prepared, None), (indices, costs)),
        (backend.run(latents, prepared, given), (indices[images, given], costs[images, given])),
    ):
        torch.testing.assert_close(found[0], expected[0], rtol=0, atol=0)
        torch.testing.assert_close(found[1], expected[1], rtol=RELATIVE, atol=RELATIVE)


def check_gather() -> None:
    generator = torch.Generator().manual_seed(0)
    levels = [torch.rand(3, 5, 7, 4, generator=generator), torch.rand(3, 2, 9, 130)]
    packed = PackedCodebooks(levels)
    indices = torch.randint(7, (6, 7), generator=generator)
    groups = torch.arange(6) % 3
    numbers = backend.gather(indices, packed.flat, packed.columns, groups)
    expected = gather(indices, packed, groups)
    torch.testing.assert_close(numbers, torch.cat([x.flatten(1) for x in expected], 1))


def check_public_calls() -> None:
    """`search` and `gather` themselves, as STC_BACKEND sends them here."""
    latents, codebooks, penalty = make(9, 2, 3, 64, 8)
    prepared, packed = PreparedCodebooks(codebooks, penalty), PackedCodebooks([codebooks])
    os.environ["STC_BACKEND"] = "numpy"
    expected = search(latents, prepared)
    (codewords,) = gather(expected.indices, packed, expected.groups)
    called = []
    for name in ("run", "gather"):
        own = getattr(backend, name)
        setattr(backend, name, lambda *given, own=own: called.append(own) or own(*given))
    os.environ["STC_BACKEND"] = "triton"
    found = search(latents, prepared)
    assert torch.equal(found.groups, expected.groups)
    assert torch.equal(found.indices, expected.indices)
    assert torch.equal(gather(found.indices, packed, found.groups)[0], codewords)
    assert len(called) == 2, called


def main() -> None:
    repair_interpreter()
    for chip in (80, 100):
        backend.chip = lambda chip=chip: chip
        for shape in SHAPES:
            latents, codebooks, penalty = make(*shape)
            check(latents, codebooks, None)
            check(latents, codebooks, penalty)
        check(*tied(), None)
        check(*make(9, 2, 3, 64, 8, mean=1000.0)[:2], None)
    check_gather()
    check_public_calls()
    print("all agree")


if __name__ == "__main__":
    main()
