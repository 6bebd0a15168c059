"""The shipped model, from canvases to bytes to canvases."""

import io
from binascii import crc_hqx

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import stc
from stc import Settings, bitstream
from stc.codec.limit import Limit
from stc.codec.model_file import open_model
from stc.codec.tokens import Tokens
from stc.errors import (
    BudgetError,
    CorruptError,
    QualityError,
    SettingsError,
    StcError,
    WrongModelError,
)
from stc.imaging.similarity import psnr
from tests.codec.conftest import ASTRONAUT

SIZES = [32, 48, 64, 96, 128, 192, 256, 300, 384]


def encode(codec, canvas, **changes):
    """The result of encoding one canvas."""
    (encoded,) = codec.encode_batch(canvas[None], **changes)
    return encoded


@pytest.mark.parametrize("limit", SIZES)
def test_round_trip_at_every_size(codec, canvas, limit):
    encoded = encode(codec, canvas, max_bytes=limit).unwrap()
    assert limit - 3 <= len(encoded.data) <= limit
    assert bitstream.parse_header(encoded.data).tokens == encoded.tokens
    drawn = codec.decode_batch([encoded.data])
    assert drawn.shape == (1, 128, 128, 3)
    assert psnr(canvas[None], drawn)[0] > (15 if limit >= 48 else 14.9)


def test_more_bytes_are_more_like_the_source(codec, canvas):
    files = [encode(codec, canvas, max_bytes=n) for n in (32, 96, 384)]
    drawn = codec.decode_batch([file.data for file in files])
    likeness = psnr(np.stack([canvas] * 3), drawn)
    assert likeness[0] + 2 < likeness[1] + 1 < likeness[2]
    kept = codec.identity_kept(np.stack([canvas] * 3), drawn)
    assert 0 < kept[0] < kept[2] <= 1
    assert 0 < files[0].quality < files[1].quality < files[2].quality < 1


def test_quality_is_what_the_nearest_tokens_keep(codec, canvas):
    """The quality does not depend on the effort, and equals that of the tokens in the file."""
    for limit in (48, 192):
        encoded = encode(codec, canvas, max_bytes=limit, effort=0)
        assert encode(codec, canvas, max_bytes=limit, effort=1).quality == encoded.quality
        engine = codec._engine
        components = engine._tokenizer.analyse(canvas[None])
        tokens = stc.codec.tokens.Tokens.of([codec.read_tokens(encoded.data)])
        assert engine.quality(components, tokens)[0] == pytest.approx(encoded.quality, abs=1e-6)


def test_too_low_a_quality_is_an_error_of_its_face(codec, canvas):
    quality = encode(codec, canvas, max_bytes=64).quality
    faces = np.stack([canvas, canvas])
    for file in codec.encode_batch(faces, max_bytes=64, min_quality=quality - 0.001):
        assert file.error is None
    for file in codec.encode_batch(faces, max_bytes=64, min_quality=quality + 0.001):
        assert isinstance(file.error, QualityError)
        assert file.data == b""
        assert file.quality == quality
    with pytest.raises(QualityError, match=r"at 6\d bytes"):
        stc.encode(canvas, align="never", max_bytes=64, min_quality=quality + 0.001)


def test_the_limit_holds_for_what_is_no_face(codec, noise):
    for limit in (16, 33, 192, 384):
        files = [file.unwrap().data for file in codec.encode_batch(noise, max_bytes=limit)]
        assert all(len(data) <= limit for data in files)
        assert codec.decode_batch(files).shape == noise.shape


def test_stages_stop_where_they_say(codec, canvas):
    sizes = np.cumsum(codec.model.level_sizes)
    for stages, tokens in enumerate(sizes, start=1):
        assert encode(codec, canvas, stages=stages).tokens == tokens
    with pytest.raises(SettingsError, match="stages must be"):
        codec.encode_batch(canvas[None], stages=len(sizes) + 1)


def test_a_face_that_does_not_fit_spoils_no_other(codec):
    faces = np.random.default_rng(0).integers(0, 256, (10, 128, 128, 3), dtype=np.uint8)
    smallest = [file.error.smallest for file in codec.encode_batch(faces, max_bytes=1)]
    assert max(smallest) > min(smallest)
    for file, own in zip(codec.encode_batch(faces, max_bytes=min(smallest)), smallest, strict=True):
        if own == min(smallest):
            assert len(file.unwrap().data) == own
        else:
            assert isinstance(file.error, BudgetError)
            assert f"smallest file of this face has {own}" in str(file.error)
            assert np.isnan(file.quality)


def test_a_batch_is_its_faces_one_by_one(codec, canvas):
    batch = np.stack([canvas, canvas[:, ::-1], np.roll(canvas, 3, 0)])
    files = [file.data for file in codec.encode_batch(batch, max_bytes=150)]
    assert files == [encode(codec, one, max_bytes=150).data for one in batch]
    mixed = [files[0], encode(codec, canvas, max_bytes=40).data]
    together = codec.decode_batch(mixed).astype(int)
    alone = np.concatenate([codec.decode_batch([data]) for data in mixed]).astype(int)
    assert np.abs(together - alone).max() <= 1


def test_verbs_take_what_people_have(codec):
    with open(ASTRONAUT, "rb") as file:
        raw = file.read()
    picture = Image.open(io.BytesIO(raw))
    expected = stc.encode(ASTRONAUT)
    assert len(expected) <= 192
    for source in (raw, io.BytesIO(raw), picture, np.asarray(picture.convert("RGB"))):
        assert stc.encode(source) == expected
    assert stc.encode(ASTRONAUT, Settings(max_bytes=64)) == stc.encode(ASTRONAUT, max_bytes=64)
    assert stc.decode(expected, size=64).size == (64, 64)
    assert stc.decode(memoryview(expected)).size == (256, 256)
    info = stc.info(expected)
    assert (info.size, info.model, info.version) == (len(expected), codec.model.name, 1)
    assert sum(info.bits_per_level) / 8 == pytest.approx(info.size - info.overhead, abs=2)
    with pytest.raises(FileNotFoundError):
        stc.encode("nowhere.jpg")


def test_bare_files_cost_six_bytes_less(canvas):
    whole = stc.encode(canvas, align="never", stages=1)
    bare = stc.encode(canvas, align="never", stages=1, bare=True)
    assert len(bare) == len(whole) - 6
    assert stc.decode(bare, bare=True).tobytes() == stc.decode(whole).tobytes()


def test_a_file_of_another_model_says_so(codec, canvas):
    group, indices = codec.read_tokens(encode(codec, canvas, stages=1).data)
    alien = bitstream.pack(b"\xff\xff", codec.model.tables, group, indices[:9])
    with pytest.raises(WrongModelError, match="ffff"):
        codec.decode_batch([alien])
    with pytest.raises(WrongModelError, match=codec.model.name):
        stc.decode(alien)
    info = stc.info(alien)
    assert info.model is None
    assert info.tokens == 9


def sealed(count, payload):
    """A file of the shipped model with a correct checksum and the given payload."""
    body = b"\xfa\xc1" + bytes.fromhex(open_model().fingerprint[:4]) + count + payload
    return body + crc_hqx(body, 0xFFFF).to_bytes(2, "big")


@settings(max_examples=60)
@given(st.binary(max_size=60), st.binary(min_size=1, max_size=2))
def test_any_bytes_give_a_picture_or_a_typed_error(payload, count):
    for data in (payload, b"\xfa\xc1" + payload, sealed(count, payload)):
        try:
            assert stc.decode(data).size == (256, 256)
        except StcError:
            continue


@settings(max_examples=100)
@given(st.data())
def test_other_tokens_are_another_picture_or_a_typed_error(codec, data):
    """Valid files with changes after which a random payload would rarely be valid."""
    tables = codec.model.tables
    count = data.draw(st.integers(1, tables.tokens))
    indices = np.array(data.draw(st.lists(st.integers(0, 255), min_size=count, max_size=count)))
    file = bitstream.pack(bytes.fromhex(codec.model.fingerprint[:4]), tables, 0, indices)
    assert codec.read_tokens(file)[1].tolist() == indices.tolist()
    place = data.draw(st.integers(4, len(file) - 3))
    body = bytearray(file[:-2])
    body[place] ^= data.draw(st.integers(1, 255))
    changed = bytes(body) + crc_hqx(bytes(body), 0xFFFF).to_bytes(2, "big")
    try:
        other = codec.read_tokens(changed)[1]
    except StcError:
        return
    assert other.tolist() != indices.tolist()


def test_a_count_above_the_model_is_corrupt():
    with pytest.raises(CorruptError, match="30000 tokens"):
        stc.decode(sealed((0x8000 | 30000).to_bytes(2, "big"), b"\x55" * 300))


def test_decode_refuses_a_size_of_nothing(face_file):
    with pytest.raises(ValueError, match="at least 1"):
        stc.decode(face_file, size=0)


def test_arrays_of_other_kinds_are_refused(codec, canvas):
    for wrong in (canvas[None] / 255, canvas[None].astype(np.int64), canvas[:64]):
        with pytest.raises(ValueError, match="must be uint8"):
            codec.encode_batch(wrong)
    with pytest.raises(ValueError, match="must be an array, not list"):
        codec.encode_batch([canvas])
    with pytest.raises(ValueError, match="not 1 and 2"):
        codec.identity_kept(canvas[None], np.stack([canvas] * 2))
    with pytest.raises(TypeError, match=r"\[file\]"):
        codec.decode_batch(b"one file")
    assert codec.decode_batch([]).shape == (0, 128, 128, 3)
    assert codec.encode_batch(np.zeros((0, 128, 128, 3), np.uint8)) == []


def test_reprs_are_short(codec, canvas, face_file):
    """Nobody wants to read thousands of frequencies, indices or weights at a prompt."""
    limit = Limit.of(codec.model.tables, Settings())
    tokens = codec._engine.tokenize(canvas[None], limit)[1]
    parts = (
        codec,
        limit,
        tokens,
        codec._engine._tokenizer.levels[0],
        bitstream.parse_header(face_file),
    )
    for part in parts:
        assert len(repr(part)) < 500, type(part)


def test_a_face_does_not_depend_on_the_longest_one_of_its_batch(codec, canvas):
    engine = codec._engine
    short, long = (
        engine.tokenize(canvas[None], Limit.of(codec.model.tables, Settings(max_bytes=size)))[1]
        for size in (150, 190)
    )
    assert short.counts[0] < long.counts[0]
    together = Tokens.of([short.face(0), long.face(0)])
    both = engine._tokenizer.dequantize(together)
    np.testing.assert_array_equal(both[:1], engine._tokenizer.dequantize(short))
    np.testing.assert_array_equal(engine.draw(together)[:1], engine.draw(short))
