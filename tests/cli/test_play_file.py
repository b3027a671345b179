"""The files that `play` and `rehearse` read: whose rows they are, when they happened, and what is wrong with them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from cli.known import event_named
from cli.play_file import Lives, PlayOptions, first_event_named, midnight, read_lives
from errors import InputError
from journeys.events import DepositMade, EventType, app_registered, deposit_made, trade_executed

SHANGHAI = ZoneInfo("Asia/Shanghai")
NOON = "1997-01-01T12:00:00+08:00"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "rows.csv"


def lives(file: Path, content: str | bytes, event: EventType | None = trade_executed, **options: Any) -> Lives:
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_lives(file, PlayOptions(event, options.pop("zone", SHANGHAI), **options))


def told(read: Lives) -> list[tuple[str, str, str]]:
    """Who, what and when, in one line an event."""
    return [(life.customer_id, event.name, event.at.isoformat()) for life in read.lives for event in life.events]


def reasons(read: Lives) -> list[tuple[int, str]]:
    return [(reject.line, reject.reason) for reject in read.rejects]


@pytest.mark.parametrize(
    "content",
    [
        "customer_id,date\nC-1,1997-01-01\n",
        "\ufeffcustomer_id,date\r\nC-1,1997-01-01\r\n",
        'customer_id,date,note\nC-1,1997-01-01,"two\nlines"\n',
        '{"customer_id": "C-1", "date": "1997-01-01"}\n',
    ],
)
def test_a_date_is_its_first_instant_in_the_zone(file: Path, content: str) -> None:
    """1 January begins in Shanghai eight hours before it does in UTC, however the file is written."""
    assert told(lives(file, content)) == [("C-1", "trade_executed", "1996-12-31T16:00:00+00:00")]


def test_a_time_has_its_own_offset(file: Path) -> None:
    """A row with `occurred_at` needs no zone."""
    read = lives(file, f"customer_id,occurred_at\nC-1,{NOON}\n", zone=ZoneInfo("UTC"))
    assert told(read) == [("C-1", "trade_executed", "1997-01-01T04:00:00+00:00")]


def test_the_customers_come_by_id_and_their_events_by_time(file: Path) -> None:
    """Rows may stand in any order; those of one customer at one instant keep the order of the file."""
    content = "customer_id,date,amount\nb,1997-01-02,1\na,1997-01-01,2\nb,1997-01-01,3\nb,1997-01-01,4\n"
    read = lives(file, content)
    assert [(life.customer_id, [event.payload()["amount"] for event in life.events]) for life in read.lives] == [
        ("a", ["2"]),
        ("b", ["3", "4", "1"]),
    ]
    assert read.last == datetime(1997, 1, 1, 16, tzinfo=UTC)


def test_other_columns_are_the_data_and_empty_cells_are_none(file: Path) -> None:
    """What the event's model does not know is kept; what is not written is not sent."""
    content = "customer_id,date,amount,currency,items\nC-1,1997-01-01,29.33,,2\n"
    (life,) = lives(file, content, deposit_made).lives
    data = life.events[0].data
    assert isinstance(data, DepositMade)
    assert (data.amount, data.currency) == (Decimal("29.33"), "CNY")
    assert life.events[0].payload() == {"amount": "29.33", "items": "2"}


def test_a_first_event_comes_up_to_its_lead_before(file: Path) -> None:
    """How long before is spread over the customers, in whole seconds, and the same in every reading."""
    content = "customer_id,date\n" + "".join(f"C-{number},1997-01-15\n" for number in range(500))
    lead = timedelta(days=14)
    read = lives(file, content, first_event=app_registered, first_event_lead=lead)
    assert all([event.name for event in life.events] == ["app_registered", "trade_executed"] for life in read.lives)
    leads = [life.events[1].at - life.events[0].at for life in read.lives]
    assert timedelta(0) <= min(leads) < timedelta(days=1) < timedelta(days=13) < max(leads) < lead
    assert len(set(leads)) > 490
    assert all(one.microseconds == 0 for one in leads)
    assert told(read) == told(lives(file, content, first_event=app_registered, first_event_lead=lead))


def test_without_a_lead_the_first_event_comes_at_the_same_instant(file: Path) -> None:
    """It stands before the first row all the same."""
    read = lives(file, "customer_id,date\nC-1,1997-01-01\n", first_event=app_registered)
    assert [what for _, what, _ in told(read)] == ["app_registered", "trade_executed"]
    assert len({at for _, _, at in told(read)}) == 1


@pytest.mark.parametrize(
    ("customers", "taken"), [(1, ["c0"]), (2, ["c0", "c5"]), (3, ["c0", "c3", "c6"]), (10, 10), (11, 10)]
)
def test_a_sample_is_systematic(file: Path, customers: int, taken: list[str] | int) -> None:
    """Every so-many-th customer by id; the last event is the last of the whole file."""
    content = "customer_id,date\n" + "".join(f"c{number},1997-01-{number + 1:02}\n" for number in reversed(range(10)))
    read = lives(file, content, customers=customers)
    names = [life.customer_id for life in read.lives]
    assert (names if isinstance(taken, list) else len(names)) == taken
    assert read.last == midnight("1997-01-10", SHANGHAI)


SEVERAL = """customer_id,event_id,name,occurred_at,amount,data.currency,data
C-1,,app_registered,1997-01-01T12:00:00+08:00,,,
C-1,b-1,deposit_made,1997-01-03T12:00:00+08:00,10.50,USD,
C-2,,live_stream_watched,1997-01-02T12:00:00+08:00,,,"{""stream"": ""S-1"", ""seconds"": 60}"
"""
JSON_SEVERAL = """{"customer_id": "C-1", "name": "app_registered", "occurred_at": "1997-01-01T12:00:00+08:00"}
{"customer_id": "C-1", "event_id": "b-1", "name": "deposit_made", "occurred_at": "1997-01-03T12:00:00+08:00",\
 "data": {"amount": "10.50", "currency": "USD"}}
{"customer_id": "C-2", "name": "live_stream_watched", "date": "1997-01-02", "stream": "S-1", "data": {"seconds": 60}}
""".replace("\\\n", "")


@pytest.mark.parametrize("content", [SEVERAL, JSON_SEVERAL])
def test_a_file_may_say_what_each_row_stands_for(file: Path, content: str) -> None:
    """A column `name` takes the place of --event; the data stand as in a file for `events`."""
    read = lives(file, content, None)
    assert [(life.customer_id, event.name, event.payload()) for life in read.lives for event in life.events] == [
        ("C-1", "app_registered", {}),
        ("C-1", "deposit_made", {"amount": "10.50", "currency": "USD"}),
        ("C-2", "live_stream_watched", {"stream": "S-1", "seconds": 60}),
    ]
    assert read.rejects == []


def test_a_first_event_that_the_file_tells_is_not_put_before_it(file: Path) -> None:
    """C-1 registered on 1 January, as the file says; of C-2 it does not tell."""
    read = lives(file, SEVERAL, None, first_event=app_registered)
    assert [name for _, name, _ in told(read)] == [
        "app_registered",
        "deposit_made",
        "app_registered",
        "live_stream_watched",
    ]


def test_an_event_that_stands_there_twice_is_one(file: Path) -> None:
    """By its id, or else by the whole row, as for `events`; in a file of one kind every row is an event."""
    rows = f"C-1,b-1,{NOON},checked_in\nC-1,b-1,{NOON},checked_in\nC-1,,{NOON},app_opened\nC-1,b-2,{NOON},app_opened\n"
    read = lives(file, f"customer_id,event_id,occurred_at,name\n{rows}C-1,,{NOON},app_opened", None)
    assert [name for _, name, _ in told(read)] == ["checked_in", "app_opened", "app_opened"]
    one_kind = lives(file, f"customer_id,event_id,occurred_at\nC-1,b-1,{NOON}\nC-1,b-1,{NOON}\n")
    assert len(told(one_kind)) == 2


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ('"name": "trade"', "there is no event 'trade': did you mean trade_executed?"),
        ('"name": ""', "has no name: add it"),
        ('"amount": "1"', "has no name: add it"),
        ('"name": 7', "name is not text: write it in quotes"),
        ('"name": "deposit_made"', "does not fit deposit_made: amount: is missing: give it"),
        ('"name": "deposit_made", "data": "much"', "data is not a JSON object: write {…}"),
    ],
)
def test_a_row_whose_event_cannot_be_taken_is_rejected_alone(file: Path, row: str, reason: str) -> None:
    """Its line and the reason are told; the rows around it are taken."""
    good = '{"customer_id": "C-1", "date": "1997-01-01", "name": "checked_in"}\n'
    read = lives(file, f'{good}{{"customer_id": "C-2", "date": "1997-01-01", {row}}}\n{good}', None)
    assert told(read) == [("C-1", "checked_in", "1996-12-31T16:00:00+00:00")]
    ((line, said),) = reasons(read)
    assert line == 2
    assert reason in said


@pytest.mark.parametrize(
    ("content", "event", "said"),
    [
        ("customer_id,date\nC-1,1997-01-01\n", None, "has no column 'name': add it, or say with --event"),
        ('{"customer_id": "C-1", "date": "1997-01-01"}\n', None, "has no column 'name': add it, or say with --event"),
        ("customer_id,date,name\nC-1,1997-01-01,checked_in\n", trade_executed, "leave out --event"),
        ('{"customer_id": "C-1", "name": "checked_in"}\n', trade_executed, "leave out --event"),
    ],
)
def test_either_the_file_or_the_command_says_what_a_row_stands_for(
    file: Path, content: str, event: EventType | None, said: str
) -> None:
    """Neither leaves it open, and both might contradict each other."""
    with pytest.raises(InputError, match=said):
        lives(file, content, event)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("C 1,1997-01-01,1", "is not a customer id"),
        (f"{'c' * 65},1997-01-01,1", "is not a customer id"),
        ("13912345678,1997-01-01,1", "looks like a phone or identity number"),
        (",1997-01-01,1", "has no customer_id"),
        ("C-1,,1", "has neither occurred_at nor date"),
        ("C-1,01/02/1997,1", "'01/02/1997' is no date: write it as in 2026-11-22"),
        ("C-1,1997-02-30,1", "is no date"),
        ("C-1,1989-12-31,1", "is before 1990"),
        ("C-1,1997-01-01,much", "does not fit deposit_made: amount: "),
        ("C-1,1997-01-01,-1", "does not fit deposit_made: amount: "),
        ("C-1,1997-01-01,", "does not fit deposit_made: amount: is missing: give it"),
        ("C-1,1997-01-01", "has 2 cells where the header has 3"),
        ('C-1,1997-01-01,"1', "has quotes that do not fit"),
    ],
)
def test_a_row_that_cannot_be_taken_is_rejected_alone(file: Path, row: str, reason: str) -> None:
    """Its line and the reason are told; the rows around it are taken."""
    read = lives(file, f"customer_id,date,amount\nC-2,1997-01-01,1\n{row}\nC-3,1997-01-01,1\n", deposit_made)
    assert [life.customer_id for life in read.lives] == ["C-2", "C-3"]
    ((line, said),) = reasons(read)
    assert line == 3
    assert reason in said


@pytest.mark.parametrize("time", ["1997-01-01T12:00:00", "1997-01-01", "852091200", "soon"])
def test_a_time_without_offset_is_rejected(file: Path, time: str) -> None:
    """Nobody can know when it was."""
    read = lives(file, f"customer_id,occurred_at\nC-1,{time}\n")
    assert reasons(read) == [(2, "write the date, the time and the offset, as in 2026-11-22T09:00:00+08:00")]
    assert not read.lives


def test_values_that_are_no_text_are_rejected(file: Path) -> None:
    """In JSON Lines an id is text, and so is a time."""
    read = lives(file, '{"customer_id": 7, "date": "1997-01-01"}\n{"customer_id": "C-1", "date": 19970101}\n')
    assert reasons(read) == [(line, "customer_id, occurred_at, date are text: write them in quotes") for line in (1, 2)]


def test_rejects_are_in_the_order_of_the_file(file: Path) -> None:
    """Whatever a row's fault is, and whoever's it is."""
    content = "customer_id,date,amount\nz,1997-01-01,x\na,1997-01-01,x\n?,1997-01-01,1\nm,1997,1\nb,1997-01-01,x\n"
    assert [line for line, _ in reasons(lives(file, content, deposit_made))] == [2, 3, 4, 5, 6]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("customer,date\nC-1,1997-01-01\n", "lacks the column 'customer_id'"),
        ("customer_id,day\nC-1,1997-01-01\n", "has neither a column 'occurred_at' nor a column 'date': add one"),
        ("customer_id,date,date\nC-1,1997-01-01,1997-01-01\n", "has the column 'date' twice"),
        ("", "lacks the column 'customer_id'"),
        (b"\xff\xfec\x00", "save it as UTF-8"),
    ],
)
def test_a_file_of_another_kind_is_refused(file: Path, content: str | bytes, said: str) -> None:
    """The message says what to mend."""
    with pytest.raises(InputError, match=said):
        lives(file, content)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """The message names it."""
    with pytest.raises(InputError, match=r"nowhere\.csv cannot be read"):
        read_lives(tmp_path / "nowhere.csv", PlayOptions(trade_executed, SHANGHAI))


def test_an_unknown_event_is_refused_with_what_may_be_meant() -> None:
    """So that a misspelling can be mended at once; with all names there are if none is like it."""
    with pytest.raises(InputError, match=r"no event 'trade_execute': did you mean trade_executed\?"):
        event_named("trade_execute")
    with pytest.raises(InputError, match=r"no event 'xyz': the events are app_registered, .*trade_executed"):
        event_named("xyz")


def test_a_first_event_that_needs_data_is_refused() -> None:
    """Nobody could say what amount was deposited."""
    with pytest.raises(InputError, match="--first-event deposit_made would need data"):
        first_event_named("deposit_made")
    assert first_event_named("") is None
    assert first_event_named("app_registered") is app_registered
