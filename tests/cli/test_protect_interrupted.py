"""`stc protect` if it is killed, if the disk is full, and in two processes at once."""

import os
import random
import signal
import stat
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from stc.cli.protect.common import read_record
from stc.cli.protect.revoking import read_revoked
from stc.protection import Key, Revocations, made_with, match, protect
from stc.protection.stream import tag_of
from tests.cli.killing import Runner, template_of

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
KILLED = -signal.SIGKILL
ID = "alice"
RANDOM = random.Random(0)  # noqa: S311 # moments, not secrets


@pytest.fixture(scope="module")
def runners():
    """Two processes that run commands at once."""
    found = Runner(), Runner()
    yield found
    for one in found:
        one.close()


@pytest.fixture
def runner(runners):
    return runners[0]


class House:
    """A folder with two keys and a record of a person that is to be renewed."""

    def __init__(self, folder, *, in_place, new_key):
        self.folder, self.record = folder, folder / "old.stp"
        self.output = self.record if in_place else folder / "new.stp"
        self.list = folder / "revoked"
        self.key, self.other = Key(bytes(32)), Key(bytes(31) + b"x")
        self.key.save(folder / "key")
        self.other.save(folder / "other")
        self.new_key = self.other if new_key else self.key
        self.old = protect(template_of("first"), self.key, ID)
        self.record.write_bytes(self.old.to_bytes())
        self.record.chmod(0o600)
        self.words = ["-q", "renew", "fresh", self.record, "--key", folder / "key"]
        self.words += ["--new-key", folder / "other"] if new_key else []
        self.words += ["--revoked", self.list, "-o", self.output]

    def revoked(self):
        return read_revoked(self.list) if self.list.exists() else Revocations()

    def check_person(self):
        """Check that the person has a complete record that is not revoked and matches."""
        good = 0
        for path in self.folder.glob("*.stp"):
            record = read_record(str(path))
            key = next(key for key in (self.key, self.other) if made_with(key, [record])[0])
            assert match(template_of("fresh"), record, key) > 0.8
            good += record.tag not in self.revoked()
        assert good

    def check_renewed(self):
        """Check that the output is a new record, earlier ones are revoked, and no file is left."""
        made = read_record(str(self.output))
        assert made.generation >= 1
        assert made_with(self.new_key, [made])[0]
        assert made.tag not in self.revoked()
        for generation in range(made.generation):
            key = self.new_key if generation else self.key
            assert tag_of(key, made.parameters, made.name, generation) in self.revoked()
        assert [path.name for path in self.folder.glob(".*")] == []


LONG = pytest.mark.gate


@pytest.fixture(
    params=[
        "in place",
        pytest.param("in place, new key", marks=LONG),
        pytest.param("beside", marks=LONG),
        "beside, new key",
    ]
)
def make_house(request, tmp_path):
    numbers = iter(range(1000))

    def make():
        folder = tmp_path / str(next(numbers))
        folder.mkdir()
        where = {"in_place": "place" in request.param, "new_key": "key" in request.param}
        return House(folder, **where)

    return make


def finish(runner, house):
    """Repeat the command until the renewal is complete."""
    code = runner.run(*house.words)
    assert code in (0, 8)  # 8: it was done already
    if code == 8:
        assert house.old.tag in house.revoked()
    house.check_renewed()


def test_renewal_is_killed_before_every_step(runner, make_house):
    for step in range(1, 100):
        house = make_house()
        code = runner.run(*house.words, step=step)
        house.check_person()
        if code != KILLED:
            break
        finish(runner, house)
    assert code == 0
    assert step > 8
    house.check_renewed()


def kill_at_random(runner, make_house, count):
    house = make_house()
    begin = time.monotonic()
    assert runner.run(*house.words) == 0
    longest = time.monotonic() - begin
    kills = 0
    for number in range(count):
        house = make_house()
        moment = longest * (number % 10 + RANDOM.random()) / 10
        code = runner.run(*house.words, seconds=moment)
        assert code in (0, KILLED)
        kills += code == KILLED
        house.check_person()
        finish(runner, house)
    assert kills


def test_renewal_is_killed_at_random_moments(runner, make_house):
    kill_at_random(runner, make_house, 5)


@pytest.mark.gate
def test_renewal_is_killed_at_a_hundred_random_moments(runner, make_house):
    kill_at_random(runner, make_house, 100)


def enrol(runner, folder, **how):
    """Enrol nine pictures, and check all records that exist -> exit code, number of records."""
    folder.mkdir(exist_ok=True)
    if not (folder / "key").exists():
        Key(bytes(32)).save(folder / "key")
    names = [f"{number}.jpg" for number in range(9)]
    words = ["-q", "enroll", *names, "-o", f"{folder}/records/", "--key", folder / "key", "--force"]
    code = runner.run(*words, **how)
    found = sorted((folder / "records").glob("*")) if (folder / "records").exists() else []
    for path in found:
        assert path.suffix == ".stp"
        assert made_with(Key(bytes(32)), [read_record(str(path))])[0]
    return code, len(found)


@pytest.mark.parametrize("count", [5, pytest.param(100, marks=pytest.mark.gate)])
def test_enrolment_is_killed_at_random_moments(runner, tmp_path, count):
    for number in range(count):
        folder = tmp_path / str(number)
        moment = 0.05 * (number % 10 + RANDOM.random()) / 10
        code, _ = enrol(runner, folder, seconds=moment)
        assert code in (0, KILLED)
        assert enrol(runner, folder) == (0, 9)


def test_a_key_is_whole_or_not_there(runner, tmp_path):
    for step in range(1, 20):
        path = tmp_path / f"key{step}"
        code = runner.run("-q", "keygen", "-o", path, step=step)
        assert not path.exists() or Key.load(path)
        if code == 0:
            break
        assert code == KILLED
        assert path.exists() or runner.run("-q", "keygen", "-o", path) == 0
    assert step > 2
    assert [one.name for one in tmp_path.glob(".*")] == []


def at_once(runners, words):
    """Run the same command in two processes at once -> their exit codes, sorted."""
    with ThreadPoolExecutor(2) as pool:
        return sorted(pool.map(lambda one: one.run(*words), runners))


def test_two_renew_at_once(runners, make_house):
    """One renews; the other renews the new record, or reports that the record was renewed."""
    for _ in range(3):
        house = make_house()
        codes = at_once(runners, house.words)
        assert codes[0] == 0
        assert codes[1] in (0, 8)
        house.check_person()
        house.check_renewed()


def test_two_enrol_one_picture_at_once(runners, tmp_path):
    Key(bytes(32)).save(tmp_path / "key")
    for number in range(3):
        target = tmp_path / f"{number}.stp"
        words = ["-q", "enroll", "a.jpg", "--key", tmp_path / "key", "-o", target]
        assert at_once(runners, words) == [0, 10]
        assert read_record(str(target)).generation == 0


def test_a_full_disk_changes_nothing(runner, make_house):
    house = make_house()
    before = {path: path.read_bytes() for path in house.folder.iterdir()}
    assert runner.run(*house.words, limit=100) == 11
    assert {path: path.read_bytes() for path in house.folder.iterdir()} == before
    finish(runner, house)


def test_a_disk_that_fills_up_after_the_new_record(runner, make_house):
    """If the list cannot grow, it is unchanged, the new record exists, and nobody is locked out."""
    house = make_house()
    others = "".join(f"{number:016x}\n" for number in range(20))
    house.list.write_text(others)
    assert runner.run(*house.words, limit=len(others) + 5) == 1
    assert house.list.read_text() == others
    house.check_person()
    assert read_record(str(house.output)).generation == 1
    finish(runner, house)
    assert house.list.read_text().startswith(others)


@pytest.fixture
def nobody(tmp_path):
    """The number of a user who is not root, and a folder of that user."""
    if os.geteuid():
        yield None, tmp_path
        return
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o711)  # noqa: S103
        folder = Path(name) / "theirs"
        folder.mkdir()
        yield 65534, folder


@pytest.mark.parametrize("what", ["list", "folder"])
def test_without_permission_nothing_is_changed(runner, nobody, what):
    user, folder = nobody
    house = House(folder, in_place=True, new_key=False)
    house.list.write_text("")
    for path in (folder, *folder.iterdir()):
        if user is not None:
            os.chown(path, user, user)
    (house.list if what == "list" else folder).chmod(0o555)
    before = {path: path.read_bytes() for path in folder.iterdir()} if user else None
    code = runner.run(*house.words, user=user)
    folder.chmod(0o755)
    assert code == 1
    if before:
        assert {path: path.read_bytes() for path in folder.iterdir()} == before
    house.list.chmod(0o644)
    assert runner.run(*house.words, user=user) == 0
    house.check_renewed()


def test_a_renewed_record_keeps_its_permissions(runner, tmp_path):
    house = House(tmp_path, in_place=True, new_key=False)
    assert runner.run(*house.words) == 0
    assert stat.S_IMODE(house.record.stat().st_mode) == 0o600


def test_a_record_of_several_names_is_not_written_over(runner, tmp_path):
    house = House(tmp_path, in_place=True, new_key=False)
    (tmp_path / "second").hardlink_to(house.record)
    before = house.record.read_bytes()
    assert runner.run(*house.words) == 1
    assert house.record.read_bytes() == before
    assert not house.list.exists()


def test_what_a_link_points_to_is_renewed(runner, tmp_path):
    house = House(tmp_path, in_place=True, new_key=False)
    (tmp_path / "link").symlink_to(house.record)
    words = [tmp_path / "link" if word == house.record else word for word in house.words]
    assert runner.run(*words) == 0
    assert (tmp_path / "link").is_symlink()
    house.check_renewed()
