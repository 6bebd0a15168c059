"""The shipped model, from picture to bytes to picture."""

import io
from binascii import crc_hqx

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import stc
from stc import bitstream
from stc.codec.model_file import open_model
from stc.errors import BudgetError, CorruptError, QualityError, StcError, WrongModelError
from tests.codec.conftest import ASTRONAUT

SIZES = [32, 48, 64, 96, 128, 192, 256, 300, 384]


@pytest.mark.parametrize("limit", SIZES)
def test_round_trip_at_every_size(codec, canvas, limit):
    (data,) = codec.encode_canvases(canvas[None], max_bytes=limit)
    assert limit - 3 <= len(data) <= limit
    picture = codec.decode(data)
    assert (picture.mode, picture.size) == ("RGB", (128, 128))
    assert codec.likeness(canvas, np.asarray(picture)).psnr > 15


def test_more_bytes_are_more_like_the_source(codec, canvas):
    files = [codec.encode_canvases(canvas[None], max_bytes=n)[0] for n in (32, 96, 384)]
    likeness = [codec.likeness(canvas, face) for face in codec.decode_canvases(files)]
    assert [x.psnr for x in likeness] == sorted(x.psnr for x in likeness)
    assert likeness[0].psnr + 2 < likeness[2].psnr
    assert 0 < likeness[0].identity < likeness[2].identity <= 1
    qualities = codec.qualities(np.stack([canvas] * 3), files)
    assert 0 < qualities[0] < qualities[1] < qualities[2] < 1


def test_too_low_a_quality_is_refused(codec, canvas):
    (data,) = codec.encode_canvases(canvas[None], max_bytes=64)
    quality = float(codec.qualities(canvas[None], [data])[0])
    options = {"max_bytes": 64, "align": "never"}
    assert codec.encode(canvas, min_quality=quality - 0.001, **options) == data
    with pytest.raises(QualityError, match=r"at 6\d bytes"):
        stc.encode(canvas, min_quality=quality + 0.001, **options)


def test_the_limit_holds_for_what_is_no_face(codec, noise):
    for limit in (16, 33, 192, 384):
        files = codec.encode_canvases(noise, max_bytes=limit)
        assert all(len(data) <= limit for data in files)
        assert codec.decode_canvases(files).shape == noise.shape


def test_levels_stop_where_they_say(codec, canvas):
    sizes = np.cumsum(codec.tokenizer.level_sizes)
    for level, tokens in enumerate(sizes, start=1):
        (data,) = codec.encode_canvases(canvas[None], level=level)
        assert bitstream.parse_header(data).tokens == tokens
    for level in (0, len(sizes) + 1):
        with pytest.raises(ValueError, match="level must be"):
            codec.encode_canvases(canvas[None], level=level)
    with pytest.raises(ValueError, match="not both"):
        codec.encode_canvases(canvas[None], level=1, max_bytes=100)


def test_too_small_a_limit_names_the_smallest_size(codec, canvas):
    with pytest.raises(BudgetError, match=r"smallest file of this face has (\d+)") as caught:
        codec.encode_canvases(canvas[None], max_bytes=5)
    smallest = int(str(caught.value).split()[-1])
    assert caught.value.smallest == smallest
    (data,) = codec.encode_canvases(canvas[None], max_bytes=smallest)
    assert len(data) == smallest


def test_a_batch_is_its_faces_one_by_one(codec, canvas):
    batch = np.stack([canvas, canvas[:, ::-1], np.roll(canvas, 3, 0)])
    files = codec.encode_canvases(batch, max_bytes=150)
    assert files == [codec.encode_canvases(one[None], max_bytes=150)[0] for one in batch]
    mixed = [files[0], codec.encode_canvases(canvas[None], max_bytes=40)[0]]
    together = codec.decode_canvases(mixed).astype(int)
    alone = np.concatenate([codec.decode_canvases([data]) for data in mixed]).astype(int)
    assert np.abs(together - alone).max() <= 2


def test_verbs_take_what_people_have(codec):
    with open(ASTRONAUT, "rb") as file:
        raw = file.read()
    picture = Image.open(io.BytesIO(raw))
    expected = stc.encode(ASTRONAUT)
    assert len(expected) <= 192
    for source in (raw, io.BytesIO(raw), picture, np.asarray(picture.convert("RGB"))):
        assert stc.encode(source) == expected
    assert stc.decode(expected, size=64).size == (64, 64)
    info = stc.info(expected)
    assert (info.size, info.model, info.version) == (len(expected), codec.model.name, 1)
    assert sum(info.bits_per_level) / 8 == pytest.approx(info.size - info.overhead, abs=2)


def test_bare_files_cost_six_bytes_less(canvas):
    whole = stc.encode(canvas, align="never", level=1)
    bare = stc.encode(canvas, align="never", level=1, bare=True)
    assert len(bare) == len(whole) - 6
    assert stc.decode(bare, bare=True).tobytes() == stc.decode(whole).tobytes()


def test_a_file_of_another_model_says_so(codec, canvas):
    (data,) = codec.encode_canvases(canvas[None], level=1)
    group, indices = bitstream.unpack(data, codec.tables)
    alien = bitstream.pack(b"\xff\xff", codec.tables, group, indices[:9])
    with pytest.raises(WrongModelError, match="ffff"):
        codec.decode(alien)
    with pytest.raises(WrongModelError, match=codec.model.name):
        stc.decode(alien)
    info = stc.info(alien)
    assert info.model is None
    assert info.tokens == 9


def sealed(count, payload):
    """A file of the shipped model with a right checksum, whatever its payload."""
    short = bytes.fromhex(open_model().fingerprint)[:2]
    body = b"\xfa\xc1" + short + count + payload
    return body + crc_hqx(body, 0xFFFF).to_bytes(2, "big")


@settings(max_examples=60)
@given(st.binary(max_size=60), st.binary(min_size=1, max_size=2))
def test_any_bytes_give_a_picture_or_a_typed_error(payload, count):
    for data in (payload, b"\xfa\xc1" + payload, sealed(count, payload)):
        try:
            assert stc.decode(data).size == (128, 128)
        except StcError:
            continue


def test_a_count_above_the_model_is_corrupt():
    with pytest.raises(CorruptError, match="30000 tokens"):
        stc.decode(sealed((0x8000 | 30000).to_bytes(2, "big"), b"\x55" * 300))


def test_decode_refuses_a_size_of_nothing(codec):
    with pytest.raises(ValueError, match="at least 1"):
        codec.decode(b"", size=0)


def test_arrays_of_other_kinds_are_refused(codec, canvas):
    for wrong in (canvas[None] / 255, canvas[None].astype(np.int64), canvas[:64]):
        with pytest.raises(ValueError, match="must be uint8"):
            codec.encode_canvases(wrong)
    assert codec.decode_canvases([]).shape == (0, 128, 128, 3)


def test_one_model_is_loaded_once():
    from concurrent.futures import ThreadPoolExecutor

    from stc.codec import codec as module
    from stc.codec.model_file import DEFAULT

    short = bytes.fromhex(open_model().fingerprint)[:2]
    asked = [lambda: module.load_codec(), lambda: module.codec_for(short)]
    asked.append(lambda: module.load_codec(DEFAULT))
    with ThreadPoolExecutor(6) as threads:
        found = [threads.submit(ask) for ask in 2 * asked]
    assert len({id(one.result()) for one in found}) == 1


def test_nothing_is_no_quality(codec, canvas):
    with pytest.raises(stc.QualityError):
        codec.encode(canvas, align="never", min_quality=float("nan"))
