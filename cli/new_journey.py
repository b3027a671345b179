"""`starter.py new-journey NAME`: a journey to begin with, its texts and its story, green at once."""

from __future__ import annotations

import builtins
import keyword
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from string import Template

import click

from errors import InputError
from journeys import JOURNEYS, language
from journeys.events import EVENTS
from journeys.published import published

ROOT = Path(__file__).parent.parent
LIST = "journeys/catalogue.py"

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_LONGEST = 48
_IMPORT = re.compile(r"^from journeys\.(\w+) import .*\n", re.MULTILINE)
_JOURNEYS = re.compile(r"^(JOURNEYS: .* = )\(([\w\s,]*)\)$", re.MULTILINE)
_TAKEN = frozenset({*keyword.kwlist, *dir(builtins), *language.__all__, *EVENTS, "story", "pytest"})
"""What stands in the files already, so that a journey cannot be called so."""

_JOURNEY = Template('''\
"""$title: say here whom it is for, and what it is to come to."""

from journeys.events import account_closed, account_opened, app_opened, app_registered, opted_out_of_marketing
from journeys.language import days, end, goal, journey, send, wait_for

$module = journey(
    name="$name",
    version=1,
    # A draft, as long as it does not say state="live".
    starts_on=app_registered,
    goal=goal(account_opened, within=days(30)),
    exits_on=(account_closed, opted_out_of_marketing),
    ends_after=days(30),
    purpose="service",
    steps=(
        send("$name-hello"),
        wait_for(
            app_opened,
            within=days(7),
            otherwise=[
                send("$name-reminder"),
                end("not interested"),
            ],
        ),
    ),
)
''')

_TEXT = Template("""\
class = "service"
sender = "Sojourn Securities"
# The number of the approval and its last day (docs/texts.md says when it needs one):
# approval = "…"
# approved_until = 2027-12-31

[texts.zh-CN.app_push]
title = "【旅程证券】$chinese：标题待写"
body = "正文待写。通知管理：我的—设置—通知。"

[texts.zh-CN.inbox]
title = "【旅程证券】$chinese：标题待写"
body = "正文待写。通知管理：我的—设置—通知。"

[texts.en.app_push]
title = "Sojourn Securities: $english"
body = "A text to be written. Manage notices: Me > Settings > Notices."

[texts.en.inbox]
title = "Sojourn Securities, $english: a title to be written"
body = "A text to be written. Manage notices: Me > Settings > Notices."
""")

_STORY = Template('''\
"""$title, path by path."""

import pytest

$imports
from tests.story import Story, story

HELLO = "day 0 $name-hello"
REMINDER = "day 7 $name-reminder"


@pytest.fixture
def registered() -> Story:
    """Somebody who has just registered."""
    return story($module)


def test_who_does_nothing_is_reminded_once_and_left_alone(registered: Story) -> None:
    """A greeting, a reminder after a week, then silence."""
    assert registered.touches() == [HELLO, REMINDER]
    assert registered.ends() == ["day 7 not interested"]


def test_who_opens_the_app_in_time_is_not_reminded(registered: Story) -> None:
    """Nobody is asked to do what they have done."""
    told = registered.when(app_opened, on_day=3)
    assert told.touches() == [HELLO]
    assert told.ends() == ["day 3 completed"]


def test_an_account_is_the_goal(registered: Story) -> None:
    """It ends the run at once, and the run has converted."""
    told = registered.when(account_opened, on_day=2)
    assert told.ends() == ["day 2 goal"]
    assert told.conversions() == ["day 2 converted"]
''')


@click.command()
@click.argument("name")
def new_journey(name: str) -> None:
    """Begin the journey NAME, as in spring-outing: a draft, two texts and a story, which are green at once.

    Nothing that exists is overwritten.
    """
    module = check_name(name)
    files = files_of(name, module)
    _refuse_existing(name, files)
    place = ROOT / LIST
    listed = with_journey(place.read_text(encoding="utf-8"), module)
    for path, text in files.items():
        _write(ROOT / path, text, "x")
        click.echo(f"written: {path}")
    _write(place, listed, "w")
    click.echo(f"changed: {LIST}")
    click.echo(f"Now make it yours. `starter.py check` and `starter.py preview {name}` tell what it does;")
    click.echo(f"its story is told by `{_python()} -m pytest tests/journeys/test_{module}.py`.")


def _python() -> str:
    """The interpreter that runs, as one types it in the project's folder."""
    running = Path(sys.executable)
    return str(running.relative_to(ROOT) if running.is_relative_to(ROOT) else running)


def check_name(name: str) -> str:
    """The module of a journey's name; `InputError` if it is no name."""
    if not _NAME.fullmatch(name) or len(name) > _LONGEST:
        raise InputError(
            f"{name!r} is no name for a journey: small letters, digits and single hyphens, at most {_LONGEST},"
            " beginning with a letter, as in 'spring-outing'"
        )
    module = name.replace("-", "_")
    if module in _TAKEN:
        raise InputError(f"{name!r} is a word of Python or of the journey language: choose another name")
    return module


def files_of(name: str, module: str) -> Mapping[str, str]:
    """What is written, by its place: the value, its texts and its story."""
    title = name.replace("-", " ").capitalize()
    imports = "from journeys.events import account_opened, app_opened", f"from journeys.{module} import {module}"
    said = {"name": name, "module": module, "title": title, "imports": "\n".join(sorted(imports))}
    return {
        f"journeys/{module}.py": _JOURNEY.substitute(said),
        f"journeys/templates/{name}-hello.toml": _TEXT.substitute(chinese="问候", english="Hello"),
        f"journeys/templates/{name}-reminder.toml": _TEXT.substitute(chinese="提醒", english="Reminder"),
        f"tests/journeys/test_{module}.py": _STORY.substitute(said),
    }


def with_journey(text: str, module: str) -> str:
    """`journeys/catalogue.py` with one more journey: its import in its place, its entry behind those that are there."""
    found, imports = _JOURNEYS.search(text), list(_IMPORT.finditer(text))
    if found is None or not imports:
        raise InputError(f"{LIST} has no imports or no JOURNEYS = (…) any more: write them again as they were")
    entries = _tuple(found[1], list(dict.fromkeys([*re.findall(r"\w+", found[2]), module])), broken="\n" in found[2])
    text = f"{text[: found.start()]}{entries}{text[found.end() :]}"
    place = next((one.start() for one in imports if one[1] > module), imports[-1].end())
    return f"{text[:place]}from journeys.{module} import {module}\n{text[place:]}"


def _tuple(beginning: str, names: list[str], *, broken: bool) -> str:
    """As the formatter leaves it: in one line while it fits."""
    line = f"{beginning}({', '.join(names)}{',' if len(names) == 1 else ''})"
    if not broken and len(line) <= 120:
        return line
    return f"{beginning}(\n" + "".join(f"    {name},\n" for name in names) + ")"


def _refuse_existing(name: str, files: Mapping[str, str]) -> None:
    if name in {journey.name for journey in JOURNEYS}:
        raise InputError(f"there is a journey {name!r} already: choose another name")
    if name in {one.journey.name for one in published().values()}:
        raise InputError(f"a journey {name!r} was published once, and customers may be in it: choose another name")
    module = ROOT / "journeys" / name.replace("-", "_")
    for path in (module, *(ROOT / file for file in files)):
        if path.exists():
            raise InputError(f"{path.relative_to(ROOT)} exists already: choose another name")


def _write(path: Path, text: str, mode: str) -> None:
    try:
        with path.open(mode, encoding="utf-8") as stream:
            stream.write(text)
    except OSError as error:
        raise InputError(f"{path} cannot be written ({error.strerror}): correct its permissions") from error
