"""`starter.py new-journey`: from a name to a journey that is green, and nothing that exists is touched."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from cli.edge import exit_code
from cli.new_journey import check_name, files_of, with_journey
from errors import InputError
from journeys import JOURNEYS
from starter import starter
from tests.cli.conftest import Ran

ROOT = Path(__file__).parents[2]
LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "node_modules", "out")
LONGEST = "a-journey-with-as-many-letters-as-there-may-be-z"

NewJourney = Callable[..., Ran]


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the journeys and their tests, to be written into."""
    for part in ("journeys", "tests/journeys"):
        shutil.copytree(ROOT / part, tmp_path / part, ignore=LEFT_OUT)
    monkeypatch.setattr("cli.new_journey.ROOT", tmp_path)
    return tmp_path


@pytest.fixture
def new_journey(tree: Path, capsys: pytest.CaptureFixture[str]) -> NewJourney:
    """Run `starter.py new-journey` there."""

    def run(*arguments: str) -> Ran:
        code = exit_code(starter, ["new-journey", *arguments])
        printed = capsys.readouterr()
        return Ran(code, printed.out, printed.err)

    return run


def contents(tree: Path) -> dict[Path, bytes]:
    """Every file there."""
    return {path.relative_to(tree): path.read_bytes() for path in tree.rglob("*") if path.is_file()}


def test_a_new_journey_is_green_at_once(tmp_path: Path) -> None:
    """In a copy of everything: its story passes, check has nothing to say of it, and it is formatted."""
    copy = tmp_path / "copy"
    shutil.copytree(ROOT, copy, ignore=LEFT_OUT)

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, *arguments], cwd=copy, capture_output=True, text=True, check=False)

    written = run("starter.py", "new-journey", LONGEST)
    assert (written.returncode, written.stderr) == (0, "")
    after = run("starter.py", "check")
    assert after.returncode == 0, after.stdout
    assert [line for line in after.stdout.splitlines() if LONGEST in line and "worst week" not in line] == []
    story = run("-m", "pytest", "-q", f"tests/journeys/test_{LONGEST.replace('-', '_')}.py")
    assert "3 passed" in story.stdout
    assert run("starter.py", "preview", LONGEST).returncode == 0
    for check in (["ruff", "format", "--check"], ["ruff", "check"]):
        assert run("-m", *check, "--no-cache", "journeys", "tests/journeys").returncode == 0


def test_it_says_what_it_wrote(new_journey: NewJourney, tree: Path) -> None:
    """A value, two texts, a story, and the list of journeys; and what to do next."""
    before = contents(tree)
    ran = new_journey("spring-outing")
    assert (ran.code, ran.err) == (0, "")
    new = [
        "journeys/spring_outing.py",
        "journeys/templates/spring-outing-hello.toml",
        "journeys/templates/spring-outing-reminder.toml",
        "tests/journeys/test_spring_outing.py",
    ]
    assert ran.out.splitlines()[:5] == [*(f"written: {path}" for path in new), "changed: journeys/catalogue.py"]
    assert "`starter.py preview spring-outing`" in ran.out
    assert f"`{sys.executable} -m pytest tests/journeys/test_spring_outing.py`" in ran.out
    after = contents(tree)
    changed = {str(path) for path in after if before.get(path) != after[path]}
    assert changed == {*new, "journeys/catalogue.py"}


def test_its_story_is_told_by_the_python_that_has_pytest(
    new_journey: NewJourney, tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one that runs, as one types it in the project's folder: the machine's own lacks the libraries."""
    monkeypatch.setattr("sys.executable", str(tree / ".venv" / "bin" / "python"))
    assert "`.venv/bin/python -m pytest tests/journeys/test_spring_outing.py`" in new_journey("spring-outing").out


def test_a_second_one_finds_its_place(new_journey: NewJourney, tree: Path) -> None:
    """Imports in the order of the names, the journeys behind those that are there."""
    for name in ("spring-outing", "autumn-fair"):
        assert new_journey(name).code == 0
    text = (tree / "journeys" / "catalogue.py").read_text(encoding="utf-8")
    imports = [line.split()[1] for line in text.splitlines() if line.startswith("from journeys.")]
    assert imports == sorted(imports)
    listed = re.findall(r"\w+", text.split("JOURNEYS: ")[1].split("= (")[1].split(")")[0])
    assert listed == [*(one.name.replace("-", "_") for one in JOURNEYS), "spring_outing", "autumn_fair"]


@pytest.mark.parametrize("name", ["Spring", "spring_outing", "spring outing", "-a", "a-", "a--b", "1st", "", "a" * 49])
def test_what_is_no_name_is_refused(new_journey: NewJourney, tree: Path, name: str) -> None:
    """With what a name looks like; nothing is written."""
    before = contents(tree)
    ran = new_journey("--", name)
    assert ran.code == 2
    assert "is no name for a journey: small letters, digits and single hyphens" in ran.err
    assert contents(tree) == before


@pytest.mark.parametrize("name", ["class", "send", "wait-for", "deposit-made", "tuple", "story"])
def test_a_word_of_the_language_is_no_name(name: str) -> None:
    """Its module would hide what is used in it."""
    with pytest.raises(InputError, match="is a word of Python or of the journey language: choose another name"):
        check_name(name)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("win-back", "there is a journey 'win-back' already"),
        ("events", "journeys/events.py exists already"),
        ("templates", "journeys/templates exists already"),
    ],
)
def test_what_exists_is_not_overwritten(new_journey: NewJourney, tree: Path, name: str, said: str) -> None:
    """Nor hidden by a journey of its name."""
    before = contents(tree)
    ran = new_journey(name)
    assert ran.code == 2
    assert said in ran.err
    assert contents(tree) == before


@pytest.mark.parametrize("path", list(files_of("spring-outing", "spring_outing")))
def test_a_file_in_the_way_stops_it_before_anything_is_written(new_journey: NewJourney, tree: Path, path: str) -> None:
    """Whichever it is."""
    (tree / path).write_text("mine", encoding="utf-8")
    before = contents(tree)
    ran = new_journey("spring-outing")
    assert ran.err == f"error: {path} exists already: choose another name\n"
    assert contents(tree) == before


def test_a_name_that_was_published_once_is_not_used_again(
    new_journey: NewJourney, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Customers may still be in it, though the journey is no longer listed."""
    monkeypatch.setattr("cli.new_journey.JOURNEYS", ())
    assert "a journey 'win-back' was published once" in new_journey("win-back").err


def test_the_list_of_journeys_stays_formatted() -> None:
    """In one line while it fits, then one a line; a list that is no list is left alone."""
    begin = "from journeys.words import Journey\n\nJOURNEYS: tuple[Journey, ...] = "
    assert with_journey(f"{begin}()\n", "b").endswith(" = (b,)\n")
    assert with_journey(f"{begin}(c,)\n", "b").endswith(" = (c, b)\n")
    assert with_journey(f"{begin}(\n    c,\n    d,\n)\n", "b").endswith(" = (\n    c,\n    d,\n    b,\n)\n")
    long = ", ".join("a" * 20 + letter for letter in "abcd")
    assert with_journey(f"{begin}({long})\n", "b").endswith("ad,\n    b,\n)\n")
    assert with_journey(f"{begin}()\n", "a").startswith("from journeys.a import a\nfrom journeys.words")
    with pytest.raises(InputError, match="write them again as they were"):
        with_journey("JOURNEYS = load()\n", "b")
