"""The GPU's code, on the CPU: the same tokens and pictures as the native path."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch

from stc.codec.codec import Codec
from stc.codec.limit import Limit
from stc.codec.planes import to_planes
from stc.codec.tokens import Tokens
from stc.codec.torch.canvas import to_planes as twin
from stc.errors import BackendError
from stc.imaging import frame
from stc.kernels.torch import dispatch
from stc.settings import Settings
from tests.codec.small import first_levels

ASTRONAUT = "tests/assets/astronaut.png"


@pytest.fixture(scope="module")
def faces():
    """Ten canvases: the astronaut, moved, mirrored and darker, and pictures without a face."""
    canvas = frame(ASTRONAUT)
    kinds = [np.roll(canvas, shift, (0, 1)) for shift in range(5)]
    kinds += [canvas[:, ::-1], canvas // 2, 255 - canvas // 3]
    noise = np.random.default_rng(0).integers(0, 256, (2, 128, 128, 3), dtype=np.uint8)
    return np.concatenate([np.stack(kinds), noise])


@pytest.fixture(scope="module", params=[None, 3], ids=["shipped", "three groups"])
def pair(request, tmp_path_factory):
    """The native codec and torch's, of one model."""
    model = None
    if request.param:
        path = tmp_path_factory.mktemp("model") / "small.safetensors"
        model = first_levels(path, 3, request.param).path
    return Codec(model), Codec(model, device="torch")


def cost(codec, canvas, group, indices):
    """The terms that the search minimises for one face: squared error, and weighted bits."""
    tokenizer = codec._engine._tokenizer
    rest = tokenizer.analyse(canvas[None]) - tokenizer.dequantize(Tokens.of([(group, indices)]))
    return float(np.square(rest, dtype=np.float64).sum())


@pytest.mark.parametrize("settings", [{"max_bytes": 40}, {"max_bytes": 96}, {"stages": 2}])
def test_every_token_is_the_native_one_save_ties(pair, faces, settings):
    native, _ = pair
    ours, theirs = (codec.encode_batch(faces, effort=0, **settings) for codec in pair)
    differ = [n for n, (a, b) in enumerate(zip(ours, theirs, strict=True)) if a.data != b.data]
    for face in differ:  # only where two choices cost the same to within rounding
        a, b = (
            cost(native, faces[face], *native.read_tokens(x[face].data)) for x in (ours, theirs)
        )
        assert a == pytest.approx(b, rel=1e-4)
    assert len(differ) <= 1
    for a, b in zip(ours, theirs, strict=True):
        assert a.quality == pytest.approx(b.quality, abs=1e-3)


def test_pictures_are_the_native_ones(pair, faces):
    native, _ = pair
    files = [one.data for one in native.encode_batch(faces, max_bytes=60, effort=0)]
    files += [one.data for one in native.encode_batch(faces[:2], stages=1, effort=0)]
    a, b = (codec.decode_batch(files).astype(int) for codec in pair)
    assert np.abs(a - b).max() <= 1


def test_what_compares_faces_agrees(pair, faces):
    kept = [codec.identity_kept(faces, faces[::-1]) for codec in pair]
    np.testing.assert_allclose(kept[0], kept[1], atol=1e-4)


def test_groups_compete(tmp_path, faces):
    """With codebooks per group in the first level, both engines give the same order of groups."""
    path = first_levels(tmp_path / "small.safetensors", 3, 4, own=1).path
    native, other = Codec(path), Codec(path, device="torch")
    tokenizer = native._engine._tokenizer
    limit = Limit.of(native.model.tables, Settings(max_bytes=60))
    ranked = tokenizer.encode_groups(tokenizer.analyse(faces), limit, 3)
    engine = other._engine
    with torch.inference_mode():
        theirs = engine._encode_groups(engine._analyse(faces), limit, 3)
    assert len(theirs) == len(ranked) == 3
    for one, (groups, _, counts) in zip(ranked, theirs, strict=True):
        assert (one.groups == groups.numpy()).sum() >= len(faces) - 1  # save ties
        same = one.groups == groups.numpy()
        assert (np.abs(one.counts - counts.numpy())[same] <= 1).all()
    assert len(set(ranked[0].groups.tolist())) > 1
    files = [one.data for one in native.encode_batch(faces, max_bytes=60, effort=0)]
    assert [native.read_tokens(data)[0] for data in files] == ranked[0].groups.tolist()
    a, b = (codec.decode_batch(files).astype(int) for codec in (native, other))
    assert np.abs(a - b).max() <= 1


def test_nothing_leaves_the_device_between_canvases_and_tokens(pair, faces, monkeypatch):
    """The host reads no values of tensors before the tokens are computed."""
    engine = pair[1]._engine
    limit = Limit.of(pair[1].model.tables, Settings(max_bytes=60))
    components = engine._analyse(faces)

    def refuse(*_, **__):
        raise AssertionError("the device was waited for")

    for name in ("item", "tolist", "cpu", "numpy", "__bool__", "__int__", "nonzero", "unique"):
        monkeypatch.setattr(torch.Tensor, name, refuse)
    # The search on the CPU reads tensors through numpy, which no GPU's does.
    monkeypatch.setenv("STC_BACKEND", "torch")
    monkeypatch.setattr(
        dispatch, "_runner", lambda _: lambda z, prepared, groups: (stub(z), z[..., 0])
    )

    def stub(latents):
        return torch.zeros(latents.shape[:2], dtype=torch.long)

    _, indices, _ = engine._encode(components, limit)
    assert indices.shape == (len(faces), pair[1].model.tables.tokens)


@pytest.mark.parametrize("name", ["cuda", "cuda:7", "cuda:x", "tpu"])
@pytest.mark.skipif(torch.cuda.is_available(), reason="of machines without a GPU")
def test_a_device_that_is_not_there_is_one_line(name):
    with pytest.raises(BackendError, match="device"):
        Codec(device=name)


def test_planes_are_those_of_the_torch_twin(faces):
    rgb = torch.from_numpy(faces).permute(0, 3, 1, 2).float() / 255
    np.testing.assert_allclose(to_planes(faces), twin(rgb).numpy(), atol=1e-6)


def test_the_triton_kernels_encode_and_decode():
    """Run in Triton's interpreter, in a separate process, since Triton decides at import."""
    pytest.importorskip("triton")
    done = subprocess.run(
        [sys.executable, "-m", "tests.codec.torch.interpreted"],
        env=os.environ | {"TRITON_INTERPRET": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "the same tokens\n"
