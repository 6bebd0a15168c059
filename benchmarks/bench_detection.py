"""Time of face detection, warm and cold, and its accuracy.

    pytest benchmarks/bench_detection.py --benchmark-only

One thread. `--benchmark-timer=time.process_time` measures processor time, for busy machines. The
faces are the astronaut's, or with STC_FACES=faces.tar those of an archive: pictures of any size, of
faces aligned to the canvas.
"""

import io
import json
import math
import os
import subprocess
import sys
import tarfile
from statistics import median

import numpy as np
import pytest
from PIL import Image, ImageFilter

from stc.imaging import align, find_faces, frame, load_image
from stc.imaging.alignment import TEMPLATE, displacement, similarity

ASTRONAUT = "tests/assets/astronaut.png"
SCENES = 120
WIDTH = 80  # of a face on the canvas, in pixels
ROUNDS = 10


def photograph(width, height=None, faces=1):
    """A JPEG, width x height pixels, of `faces` astronauts side by side."""
    height = height or width
    with Image.open(ASTRONAUT) as picture:
        one = picture.convert("RGB").resize((width // faces, height), Image.Resampling.LANCZOS)
    scene = Image.new("RGB", (width, height))
    for place in range(faces):
        scene.paste(one, (place * one.width, 0))
    file = io.BytesIO()
    scene.save(file, "JPEG", quality=90)
    return file.getvalue()


def texture(width, height, rng):
    """A picture without a face: coarse noise in two colours."""
    grain = rng.uniform(0.5, 12)
    noise = Image.fromarray(rng.integers(0, 256, (height, width), np.uint8))
    values = np.asarray(noise.filter(ImageFilter.GaussianBlur(grain)), np.float64)
    values = (values - values.min()) / max(np.ptp(values), 1)
    dark, light = rng.uniform(0, 255, (2, 3))
    return Image.fromarray((dark + values[..., None] * (light - dark)).astype(np.uint8))


def row(benchmark, name, work, *arguments):
    """Time work(*arguments), for a row of the table at the end."""
    benchmark.extra_info.update(face=name, faces=1)
    return benchmark(work, *arguments)


PICTURES = {
    "JPEG of 320 px": lambda: photograph(320),
    "JPEG of 1000 px": lambda: photograph(1000),
    "JPEG of 4000 x 3000 px": lambda: photograph(4000, 3000),
    "JPEG of 960 x 320 px, 3 faces": lambda: photograph(960, 320, faces=3),
    "canvas": lambda: frame(ASTRONAUT),
}


@pytest.mark.parametrize("kind", PICTURES)
def test_frame(benchmark, kind):
    row(benchmark, f"frame, {kind}", lambda source: frame(source, face="largest"), PICTURES[kind]())


@pytest.mark.parametrize("step", ["read", "find", "align"])
def test_steps(benchmark, step):
    data = photograph(320)
    image = load_image(data)
    (face,) = find_faces(image)
    steps = {
        "read": (load_image, data),
        "find": (find_faces, image),
        "align": (align, image, face.landmarks),
    }
    row(benchmark, f"  {step}, JPEG of 320 px", *steps[step])


@pytest.mark.parametrize("size", [(320, 320), (1000, 750), (4000, 3000)])
def test_no_face(benchmark, size):
    image = texture(*size, np.random.default_rng(0))
    assert find_faces(image) == []
    row(benchmark, f"find, texture of {size[0]} x {size[1]} px", find_faces, image)


COLD = """
import json, time
start = time.perf_counter()
spent = {}
def lap(name):
    global start
    spent[name] = time.perf_counter() - start
    start = time.perf_counter()
import numpy, PIL.Image
lap("import numpy and Pillow")
from stc.imaging import find_faces, load_image, network
lap("import stc.imaging")
import onnxruntime
lap("import onnxruntime")
network._session()
lap("check and load the weights")
image = load_image("tests/assets/astronaut.png")
lap("read a PNG of 320 px")
find_faces(image)
lap("find the face, first time")
find_faces(image)
lap("find the face, second time")
print(json.dumps(spent))
"""


def test_cold(benchmark):
    """The steps of a new process, each run once; medians of ten processes."""
    laps = [
        json.loads(subprocess.check_output([sys.executable, "-c", COLD])) for _ in range(ROUNDS)
    ]
    spent = {name: median(lap[name] for lap in laps) for name in laps[0]}
    benchmark.extra_info.update(stages=1, spent=spent)
    benchmark.pedantic(lambda: None, rounds=1)


def aligned_faces():
    if path := os.environ.get("STC_FACES"):
        with tarfile.open(path) as archive:
            members = [member for member in archive if member.isfile()]
            step = max(1, len(members) // SCENES)
            for member in members[::step]:
                yield load_image(archive.extractfile(member).read())
    else:
        yield Image.fromarray(frame(ASTRONAUT)).resize((256, 256), Image.Resampling.LANCZOS)


def scene(face, rng):
    """Put an aligned face at a random place -> a JPEG, and the transform [2, 3] from the canvas."""
    width = math.exp(rng.uniform(math.log(40), math.log(400)))
    side = int(width * 1.7 * math.exp(rng.uniform(0, 2)))
    turn = math.radians(rng.uniform(-25, 25))
    scale = width / WIDTH
    linear = scale * np.array([[math.cos(turn), -math.sin(turn)], [math.sin(turn), math.cos(turn)]])
    middle = rng.uniform(0.85 * width, side - 0.85 * width, 2)
    matrix = np.hstack([linear, (middle - linear @ (64, 75))[:, None]])
    picture = texture(side, side, rng)
    # Resize the face first: the rotation does not filter.
    size = max(8, min(face.width, round(128 * scale)))
    small = face.resize((size, size), Image.Resampling.LANCZOS)
    back = np.linalg.inv(linear) * (size / 128)
    data = [*back[0], -back[0] @ matrix[:, 2], *back[1], -back[1] @ matrix[:, 2]]
    turned = small.transform(picture.size, Image.Transform.AFFINE, data, Image.Resampling.BICUBIC)
    whole = Image.new("L", small.size, 255)
    mask = whole.transform(picture.size, Image.Transform.AFFINE, data)
    picture.paste(turned, mask=mask)
    file = io.BytesIO()
    picture.save(file, "JPEG", quality=int(rng.integers(60, 96)))
    return load_image(file.getvalue()), matrix


def test_found(benchmark, capsys):
    """Faces 40 to 400 px wide in textures: detection rate, displacement, false detections."""
    rng = np.random.default_rng(0)
    faces = list(aligned_faces())
    found, false, off, shake = 0, 0, [], []
    for number in range(SCENES):
        picture, matrix = scene(faces[number % len(faces)], rng)
        centre = matrix[:, :2] @ (64, 75) + matrix[:, 2]
        width = WIDTH * math.hypot(*matrix[:, 0])
        views = [view for view in find_faces(picture) if math.dist(view.centre, centre) < width / 2]
        false += len(find_faces(picture)) - len(views)
        cut = find_faces(picture.crop((7, 5, *picture.size)))
        again = [view for view in cut if math.dist(view.centre, centre - (7, 5)) < width / 2]
        if views:
            found += 1
            back = np.linalg.inv(matrix[:, :2])
            off.append(displacement((views[0].landmarks - matrix[:, 2]) @ back.T))
        if views and again:
            ours = similarity(TEMPLATE, views[0].landmarks)
            moved = (again[0].landmarks + np.array([7, 5]) - ours[:, 2]) @ np.linalg.inv(
                ours[:, :2]
            ).T
            shape = (views[0].landmarks - ours[:, 2]) @ np.linalg.inv(ours[:, :2]).T
            shake.append(float(np.sqrt(((moved - shape) ** 2).sum(1).mean())))
    with capsys.disabled():
        print(
            f"\n{SCENES} scenes of {len(faces)} faces: {found} found, {false} false; "
            f"displacement {median(off):.2f} px of the canvas (RMS, median), "
            f"{median(shake):.2f} between the picture and the same cropped by 7 x 5 px"
        )
    assert found >= 0.95 * SCENES
    assert false <= 0.05 * SCENES
    benchmark.pedantic(lambda: None, rounds=1)
