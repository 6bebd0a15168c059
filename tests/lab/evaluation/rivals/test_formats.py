"""What counts as a header is what two pictures of one setting share; the rest is told apart."""

import numpy as np
import pytest
from PIL import Image

from stc.errors import StcError
from stc.imaging import frame
from stc.lab.evaluation.rivals import FORMATS, NAMES, avif, jpeg, open_rival
from stc.lab.evaluation.rivals.search import enlarged


@pytest.fixture(scope="module")
def pictures():
    """Three pictures of 32 px that have nothing to do with one another."""
    face = Image.fromarray(frame("tests/assets/astronaut.png")).resize((32, 32))
    noise = np.random.default_rng(0).integers(0, 256, (32, 32, 3), np.uint8)
    return [face, face.rotate(90), Image.fromarray(noise)]


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize("grey", [False, True])
def test_every_format_codes_colour_and_grey(pictures, name, grey):
    form = FORMATS[name]()
    mode = "L" if grey else "RGB"
    errors = []
    for quality in (form.qualities[0], form.qualities[-1]):
        data, bare = form.encode(pictures[0].convert(mode), quality, thorough=True)
        assert 0 < bare < len(data)
        reference = pictures[0].convert(mode).convert("RGB").resize((128, 128))
        errors.append(np.square(enlarged(data) - np.asarray(reference, float)).mean())
    assert errors[1] < errors[0]


def test_jpeg_keeps_only_its_scan(pictures):
    """A file without headers and the headers of another picture make the file again."""
    ours, theirs = (p.convert("RGB") for p in pictures[:2])
    data = [jpeg.save(p, "JPEG", quality=20) for p in (ours, theirs)]
    scans = [jpeg.parts(d)[1] for d in data]
    heads = [d[: len(d) - s - 2] for d, s in zip(data, scans, strict=True)]
    assert heads[0] == heads[1]
    assert data[0] == heads[1] + data[0][-scans[0] - 2 : -2] + data[1][-2:]
    _, bare = jpeg.Jpeg().encode(ours, 20, thorough=False)
    assert bare <= scans[0] + 1


def test_jpeg2000_keeps_only_its_packets(pictures):
    made = [FORMATS["jpeg2000"]().encode(p.convert("RGB"), 270, False) for p in pictures]
    heads = [data[: len(data) - bare - 2] for data, bare in made]
    # Alike but for the length that the tile's header states, 4 of its last 8 bytes.
    assert len({head[:-8] for head in heads}) == 1
    assert len({head[-4:] for head in heads}) == 1
    assert all(data.endswith(b"\xff\xd9") for data, _ in made)
    assert b"OpenJPEG" not in made[0][0]


def test_webp_keeps_its_frame_without_start_code_and_size(pictures):
    made = [FORMATS["webp"]().encode(p, 30, True) for p in pictures]
    for data, bare in made:
        assert data[23:30] == b"\x9d\x01\x2a\x20\x00\x20\x00"
        assert len(data) - bare - 27 in (0, 1)  # a chunk of odd length is padded


def test_avif_keeps_the_payload_of_its_frame(pictures):
    data, bare = FORMATS["avif"]().encode(pictures[0], 30, False)
    media = avif.media(data)
    kinds = [kind for kind, _ in avif.units(media)]
    assert kinds[-1] == 6  # a frame
    assert set(kinds[:-1]) <= {1, 2}
    assert bare == list(avif.units(media))[-1][1]
    # An OBU without a length reaches to the end; with an extension its header has two bytes.
    assert list(avif.units(b"\x12\x00\x36\x07\x02ab\x30cd")) == [(2, 0), (6, 2), (6, 2)]


def test_jxl_is_a_codestream_without_container(pictures):
    data, bare = FORMATS["jxl"]().encode(pictures[0], 30, False)
    assert data[:2] == b"\xff\x0a"
    assert bare == len(data) - 2


def test_a_pillow_without_the_format_is_told(monkeypatch):
    monkeypatch.delitem(Image.SAVE, "AVIF")
    with pytest.raises(StcError, match="this Pillow cannot write avif"):
        open_rival("avif")


def test_rivals_go_by_name():
    assert [open_rival(name).variants[0] for name in NAMES] == list(NAMES)
    with pytest.raises(StcError, match="no rival 'gif': there are jpeg"):
        open_rival("gif")
