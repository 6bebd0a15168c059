"""The upscaler: three engines agree, it is optional, and larger sizes are resampled from it."""

import numpy as np
import pytest
from PIL import Image

import stc
from stc.bitstream import pack
from stc.codec.codec import Codec
from stc.codec.core import open_core
from stc.codec.model_file import save_model
from stc.errors import WrongModelError
from stc.native.choice import VARIABLE
from tests.codec.models import save_odd_model
from tests.codec.test_core import assert_close, needs_native, random_planes

CORES = [pytest.param("native", marks=needs_native), "portable"]
MESSAGE = (2, np.array([4, 0, 3, 0]))


@pytest.fixture(params=CORES)
def core_name(request, monkeypatch):
    monkeypatch.setenv(VARIABLE, request.param)
    return request.param


@pytest.fixture
def odd(tmp_path):
    """A model of random weights with an upscaler."""
    return save_odd_model(tmp_path / "odd.safetensors", (24, 20, 12, 10), 5, upscaler=(9, 21))


@pytest.fixture
def plain(odd, tmp_path):
    """The same model without an upscaler."""
    arrays = {name: a for name, a in odd.read().items() if not name.startswith("upscaler.")}
    return save_model(tmp_path / "plain.safetensors", "odd", arrays)


def with_arrays(odd, path, **changes):
    """The same model with some arrays replaced, or left out if they are None."""
    arrays = odd.read() | {name.replace("__", "."): value for name, value in changes.items()}
    return save_model(path, "odd", {name: a for name, a in arrays.items() if a is not None})


def stc_file(model):
    return pack(bytes.fromhex(model.fingerprint[:4]), model.tables, *MESSAGE)


@needs_native
@pytest.mark.parametrize(
    ("widths", "condition", "upscaler"),
    [
        ((256, 160, 80, 48), 32, (48, 32)),
        ((24, 20, 12, 10), 5, (9, 21)),
        ((7, 33, 50, 3), 40, (64, 3)),
    ],
)
def test_the_cores_draw_the_same_whatever_the_widths(
    tmp_path, monkeypatch, widths, condition, upscaler
):
    model = save_odd_model(tmp_path / "odd.safetensors", widths, condition, upscaler=upscaler)
    planes, spent = random_planes(2)
    drawn = {}
    for name in ("native", "portable"):
        monkeypatch.setenv(VARIABLE, name)
        drawn[name] = open_core(model).render_large(planes, spent)
    assert drawn["native"].shape == (2, 256, 256, 3)
    assert drawn["native"].std() > 10
    assert_close(drawn["native"], drawn["portable"])


@needs_native
def test_torch_draws_the_same(odd, monkeypatch):
    torch = pytest.importorskip("torch")
    from stc.codec.torch.decoder import Decoder
    from stc.codec.torch.load import load_upscaler

    monkeypatch.setenv(VARIABLE, "native")
    planes, spent = random_planes(2)
    upscaler = load_upscaler(odd)
    decoder = Decoder((24, 20, 12, 10), 5)
    state = {name: weight_of(torch, odd, f"decoder.{name}") for name in decoder.state_dict()}
    decoder.load_state_dict(state)
    with torch.inference_mode():
        known = decoder.draw(torch.from_numpy(planes), torch.from_numpy(spent))
        drawn = upscaler(*known).clamp(0, 1).permute(0, 2, 3, 1).numpy()
    assert_close(open_core(odd).render_large(planes, spent), np.rint(drawn * 255))


def weight_of(torch, model, name):
    weight = model.array(name).astype(np.float32)
    if f"{name}.scale" in model.entries:
        weight = np.moveaxis(weight * model.array(f"{name}.scale").astype(np.float32), -1, 0)
    return torch.from_numpy(np.ascontiguousarray(weight))


def test_a_face_is_drawn_the_same_alone_and_in_a_batch(odd, core_name, monkeypatch):
    planes, spent = random_planes(3)
    core = open_core(odd)
    monkeypatch.setenv("STC_THREADS", "1")
    drawn = core.render_large(planes, spent)
    monkeypatch.setenv("STC_THREADS", "3")
    np.testing.assert_array_equal(core.render_large(planes, spent), drawn)
    np.testing.assert_array_equal(core.render_large(planes[2:], spent[2:]), drawn[2:])
    assert core.render_large(planes[:0], spent[:0]).shape == (0, 256, 256, 3)
    assert core.render(planes, spent).shape == (3, 128, 128, 3)  # the decoder's own is still there


def test_numbers_that_are_none_are_drawn_too(odd, core_name):
    planes, spent = random_planes(2)
    planes[0, ::7], planes[1] = np.nan, 1e30
    assert open_core(odd).render_large(planes, spent).shape == (2, 256, 256, 3)


def test_a_model_without_one_draws_128_pixels_and_no_more(plain, core_name):
    assert not plain.has_upscaler
    codec = Codec(plain)
    assert codec.decode_batch([stc_file(plain)]).shape == (1, 128, 128, 3)
    with pytest.raises(WrongModelError, match="has no upscaler"):
        codec.decode_batch([stc_file(plain)], large=True)


def test_it_is_no_part_of_the_fingerprint(odd, plain):
    assert odd.has_upscaler
    assert odd.fingerprint == plain.fingerprint
    assert odd.identity != plain.identity


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("enter64__weight", None),
        ("enter128__weight", np.zeros((3, 3, 3, 22), np.int8)),
        ("join64__weight", np.zeros((11, 1, 1, 9), np.int8)),
        ("up128__bias", np.zeros(83, np.float16)),
        ("leave__weight__scale", np.zeros(12, np.float32)),
        ("blocks64__2__second__weight", None),
    ],
)
def test_an_array_of_another_shape_is_a_typed_error(odd, tmp_path, core_name, name, value):
    bad = with_arrays(odd, tmp_path / "bad.safetensors", **{f"upscaler__{name}": value})
    core = open_core(bad)
    with pytest.raises(WrongModelError, match="upscaler"):
        core.render_large(*random_planes(1))
    assert core.render(*random_planes(1)).shape == (1, 128, 128, 3)


@pytest.mark.parametrize(
    ("size", "side"), [(1, 128), (128, 128), (200, 256), (256, 256), (300, 256)]
)
def test_sizes_above_128_come_from_the_upscaler(odd, size, side):
    data = stc_file(odd)
    drawn = Image.fromarray(Codec(odd).decode_batch([data], large=side == 256)[0])
    expected = drawn.resize((size, size), Image.Resampling.LANCZOS)
    picture = stc.decode(data, size=size, model=odd.path)
    assert picture.size == (size, size)
    assert np.array_equal(np.asarray(picture), np.asarray(expected))


def test_without_an_upscaler_sizes_come_from_128_pixels(plain):
    data = stc_file(plain)
    drawn = Image.fromarray(Codec(plain).decode_batch([data])[0])
    expected = drawn.resize((256, 256), Image.Resampling.LANCZOS)
    picture = stc.decode(data, size=256, model=plain.path)
    assert np.array_equal(np.asarray(picture), np.asarray(expected))


def test_the_torch_engine_draws_what_the_native_one_does(tmp_path, canvas):
    pytest.importorskip("torch")
    files = [face.unwrap().data for face in Codec().encode_batch(canvas[None], effort=0)]
    native, torch = (Codec(device=d).decode_batch(files, large=True) for d in ("cpu", "torch"))
    assert_close(native, torch)
