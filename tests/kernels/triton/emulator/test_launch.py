"""Arguments and tensors of a launch."""

from types import SimpleNamespace

import pytest
import torch

from tests.kernels.triton.emulator import AccessError, launch
from tests.kernels.triton.emulator.handwritten import ptx, run

NAMES = ["x", "y", "n", "step", "BLOCK"]
KINDS = ["*i32", "*i64", "i32", "i32", "constexpr"]


def compiled(step=None):
    """The result of Triton for kernel(x, y, n, step, BLOCK): y[0] = n; step may be a constant."""
    numbers = 2 if step is None else 1
    body = "ld.param.s32 %rd3, [p2]; st.global.b64 [%rd2], %rd3;"
    constants = {(4,): 32} | ({} if step is None else {(3,): step})
    kinds = ["constexpr" if (i,) in constants else kind for i, kind in enumerate(KINDS)]
    params = [
        SimpleNamespace(name=name, num=i, is_constexpr=name == "BLOCK")
        for i, name in enumerate(NAMES)
    ]
    return SimpleNamespace(
        asm={"ptx": ptx(body, 2, numbers, scratch=2)},
        metadata=SimpleNamespace(
            shared=0, global_scratch_size=0, profile_scratch_size=0, num_ctas=1
        ),
        src=SimpleNamespace(
            signature=dict(zip(NAMES, kinds, strict=True)),
            constants=constants,
            attrs={(2,): [["tt.divisibility", 16]]},
            fn=SimpleNamespace(params=params),
        ),
    )


def arguments():
    return [torch.zeros(1, dtype=torch.int32), torch.zeros(1, dtype=torch.int64), 16, 9]


@pytest.mark.parametrize("step", [None, 1])
def test_arguments_find_their_parameters(step):
    x, y, _, _ = arguments()
    launch(compiled(step), (x, y, -32, step or 9), (1,))
    assert y.item() == -32


@pytest.mark.parametrize(
    ("step", "place", "argument", "error", "message"),
    [
        (None, 2, 33, ValueError, "n does not divide by 16"),
        (None, 2, 2**40, TypeError, "n must be i32"),
        (None, 1, torch.zeros(1), TypeError, r"y must be \*i64"),
        (None, 3, torch.zeros(1), TypeError, "step must be i32"),
        (1, 3, 2, ValueError, "step was 1"),
    ],
)
def test_arguments_of_another_kernel_are_refused(step, place, argument, error, message):
    args = arguments()
    args[place] = argument
    with pytest.raises(error, match=message):
        launch(compiled(step), args, (1,))


def test_parameters_without_arguments_are_refused():
    with pytest.raises(ValueError, match="3 arguments for"):
        launch(compiled(), arguments()[:3], (1,))
    for numbers, scratch in ((1, 2), (2, 3), (3, 2)):
        kernel = compiled()
        kernel.asm["ptx"] = ptx("", 2, numbers, scratch=scratch)
        with pytest.raises(ValueError, match="of the PTX"):
            launch(kernel, arguments(), (1,))
    kernel = compiled()
    kernel.metadata.global_scratch_size = 64
    with pytest.raises(NotImplementedError, match="scratch"):
        launch(kernel, arguments(), (1,))


def test_tensors_keep_their_alignment_and_identity():
    whole = torch.zeros(33, dtype=torch.int32)
    with pytest.raises(AccessError, match="does not divide by 8"):
        run("st.global.v2.b32 [%rd1], {1, 2};", whole[1:])
    run("st.global.b32 [%rd1], 7; ld.global.b32 %r2, [%rd2]; st.global.b32 [%rd2+4], %r2;",
        whole, whole)  # fmt: skip
    assert whole[:2].tolist() == [7, 7]
    with pytest.raises(ValueError, match="overlaps"):
        run("", whole, whole[1:])
    with pytest.raises(ValueError, match="contiguous"):
        run("", whole[::2])
