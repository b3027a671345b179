"""`starter.py preview`: what a product owner shows, on the terminal, as Mermaid text and as a page."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from cli.edge import exit_code
from cli.preview.mermaid import mermaid
from cli.preview.wording import condition, length
from cli.walked import Walked
from journeys.conditions import Asked
from journeys.events import (
    account_closed,
    account_opened,
    app_opened,
    app_registered,
    checked_in,
    live_stream_watched,
    trade_executed,
)
from journeys.language import (
    any_of,
    arm,
    award_points,
    data,
    days,
    end,
    goal,
    happened,
    hours,
    journey,
    points,
    repeat,
    risk_class,
    send,
    set_tag,
    split,
    stage,
    stage_entered,
    tag,
    wait,
    wait_for,
    wait_until,
    when,
)
from journeys.names import RiskClass, Stage, Weekday
from journeys.published import with_templates
from journeys.templates import templates
from journeys.words import Journey
from starter import starter
from tests.browser import page as browser_page
from tests.cli.conftest import Ran

SMALL = journey(
    name="small",
    version=2,
    starts_on=app_registered,
    goal=goal(trade_executed, within=days(30)),
    exits_on=account_closed,
    ends_after=days(45),
    steps=(
        send("welcome"),
        wait_for(
            account_opened,
            within=days(3),
            otherwise=[
                send("open-account-reminder"),
                wait_for(account_opened, within=days(7), otherwise=[end("not interested")]),
            ],
        ),
        wait(days(14)),
        send("what-is-new", id="news"),
    ),
)

LARGE = journey(
    name="large",
    version=1,
    starts_on=(app_registered, stage_entered(Stage.GROWTH, from_=Stage.INTRODUCTION)),
    entry=~tag("staff"),
    goal=goal(trade_executed, within=days(30), where=data("amount") >= 1000),
    ends_after=days(60),
    priority=80,
    holdout=5,
    steps=(
        send("welcome", if_not_sent=[send("what-is-new", id="instead")]),
        split("tone", arm("warm", 50, [send("we-are-here", id="warm")]), arm("dry", 50)),
        wait(hours(36)),
        when(
            (tag("live_engaged") | happened(app_opened, at_least=3, within=days(7)), [set_tag("hot")]),
            (risk_class >= RiskClass.C4, [award_points(10, reason="直播签到奖励积分"), end("专业投资者")]),
            otherwise=[wait_until("10:00", weekdays=[Weekday.FRIDAY])],
        ),
        repeat(
            [
                wait_for(
                    any_of(checked_in, live_stream_watched),
                    within=days(1),
                    since="step",
                    otherwise=[
                        send("open-account-reminder", id="an-id-that-has-as-many-letters-as-there-may-be-in-one")
                    ],
                )
            ],
            every=days(2),
            up_to=5,
            until=points >= 100,
        ),
        wait_until("09:00", on="2026-10-01", on_past="skip", then=[send("welcome", id="national-day")]),
        wait_until("09:00", on="2026-10-08", on_past="end", then=[send("welcome", id="back")]),
        send("last-word"),
    ),
)
"""Every word and every way on."""

Preview = Callable[..., Ran]


@pytest.fixture
def preview(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Preview:
    """Run `starter.py preview` with these journeys; no server is needed."""
    monkeypatch.setattr("cli.journeys.JOURNEYS", (SMALL, LARGE))

    def run(*arguments: object) -> Ran:
        code = exit_code(starter, ["preview", *map(str, arguments)])
        printed = capsys.readouterr()
        return Ran(code, printed.out, printed.err)

    return run


def walked(one: Journey) -> Walked:
    """A journey with its texts."""
    return Walked(with_templates(one, templates()))


def test_the_terminal_shows_a_checklist_every_path_and_the_worst_week(preview: Preview) -> None:
    """A draft like any other; nothing else is needed to see what it does."""
    ran = preview("small")
    assert (ran.code, ran.err) == (0, "")
    assert [line.rstrip() for line in ran.out.splitlines()] == [
        "small 2 (draft, marketing)",
        "  starts on       app_registered",
        "  goal            trade_executed within 30 days",
        "  exits on        account_closed",
        "  ends after      45 days",
        "  again           never",
        "",
        "day 0           ☐ send welcome  (service; app_push, inbox)",
        "day 0           ☐ wait for account_opened, at most 3 days",
        "                  it did not come:",
        "day 3               ☐ send open-account-reminder  (marketing; app_push, inbox)",
        "day 3               ☐ wait for account_opened, at most 7 days",
        "                      it did not come:",
        "day 10                  ☐ end: not interested",
        "day 0 to 10     ☐ wait 14 days",
        "day 14 to 24    ☐ send what-is-new as news  (marketing; app_push, inbox)",
        "",
        "3 ways through, 5 paths, worst week: 2 touches, days 0 to 7",
        "",
        "  1  account_opened came",
        "     day 0 welcome · day 14 news · day 14 end: completed",
        "     day 0 welcome · day 17 news · day 17 end: completed",
        "  2  account_opened timed out, account_opened came",
        "     day 0 welcome · day 3 open-account-reminder · day 17 news · day 17 end: completed",
        "     day 0 welcome · day 3 open-account-reminder · day 24 news · day 24 end: completed",
        "  3  account_opened timed out, account_opened timed out",
        "     day 0 welcome · day 3 open-account-reminder · day 10 end: not interested",
    ]


def test_a_calendar_says_how_many_points_a_path_brings(preview: Preview, tmp_path: Path) -> None:
    """Whoever approves a journey sees what it gives away; the page says the most."""
    ran = preview("large", "--out", tmp_path)
    rewarded = [line for line in ran.out.splitlines() if line.endswith("end: 专业投资者 · 10 points")]
    assert rewarded
    assert "points at most" in (tmp_path / "large.html").read_text(encoding="utf-8")


def test_what_check_has_to_say_comes_with_it(preview: Preview, tmp_path: Path) -> None:
    """On the terminal at the end, on the page at the top."""
    ran = preview("large", "--out", tmp_path)
    assert ran.code == 0
    assert "\nlarge: 2 touches, days " in ran.out
    assert "large: 2 touches, days " in (tmp_path / "large.html").read_text(encoding="utf-8")
    assert "Checked: nothing to mend." not in (tmp_path / "large.html").read_text(encoding="utf-8")


def test_every_word_is_told_in_the_outline(preview: Preview) -> None:
    """With its ways on, its class, and what it depends on."""
    out = preview("large").out
    for line in (
        "starts on       app_registered, stage growth from introduction",
        "enters if       not tag staff",
        "goal            trade_executed within 30 days, where amount >= 1000",
        "priority        80",
        "control group   5 %",
        "not sent:",
        "☐ split tone",
        "arm warm, 50 %:",
        "☐ wait 36 hours",
        "☐ depending on the customer",
        "branch 1: tag live_engaged or app_opened happened 3 times within 7 days:",
        "☐ set tag hot",
        "☐ award 10 points: 直播签到奖励积分",
        "☐ wait until 10:00 on friday",
        "☐ repeat every 2 days, up to 5 times, until points >= 100",
        "☐ wait for checked_in or live_stream_watched, at most 1 day, only if it comes from now on",
        "☐ wait until 09:00 on 2026-10-01",
        "☐ end: time_past",
        "paths (for an entry on a Monday at 10:00 in Shanghai), worst week: ",
    ):
        assert line in out


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        (stage == Stage.GROWTH, "stage is growth"),
        (stage.is_in(Stage.DECLINE, Stage.CHURNED), "stage is one of decline, churned"),
        (risk_class >= RiskClass.C3, "risk class >= C3"),
        (~(tag("a") & tag("b")), "not (tag a and tag b)"),
        (tag("a") & (tag("b") | ~tag("c")), "tag a and (tag b or not tag c)"),
        (happened(trade_executed, since="run"), "trade_executed happened since entry"),
        (
            happened(trade_executed, at_least=2, where=data("amount") >= 1000),
            "trade_executed happened 2 times with amount >= 1000",
        ),
    ],
)
def test_a_condition_reads_as_a_sentence(asked: Asked, told: str) -> None:
    """With brackets where they are needed."""
    assert condition(asked) == told  # type: ignore[arg-type]


def test_a_length_of_time_is_told_in_its_largest_unit() -> None:
    """As a person would."""
    assert [length(days(1)), length(hours(36)), length(days(14)), length(hours(0.5))] == [
        "1 day",
        "36 hours",
        "14 days",
        "30 minutes",
    ]


def test_the_mermaid_text_has_every_step_and_every_way_on() -> None:
    """The step after a branch is where the branches meet again; goal and exits stand beside it."""
    assert mermaid(walked(SMALL).value).splitlines() == [
        "flowchart TD",
        '  begin(["starts on app_registered"]) --> s1',
        '  s1["send welcome"]:::service',
        "  s1 --> s2",
        '  s2{{"wait for account_opened, at most 3 days"}}',
        '  s2 -->|"it came"| s6',
        '  s2 -->|"it did not come"| s3',
        '  s3["send open-account-reminder"]:::marketing',
        "  s3 --> s4",
        '  s4{{"wait for account_opened, at most 7 days"}}',
        '  s4 -->|"it came"| s6',
        '  s4 -->|"it did not come"| s5',
        '  s5(["end: not interested"])',
        '  s6{{"wait 14 days"}}',
        "  s6 --> s7",
        '  s7["send what-is-new as news"]:::marketing',
        '  s7 --> completed(["completed"])',
        '  goal[/"at any time: goal trade_executed within 30 days"/]',
        '  exit[/"at any time: exits on account_closed"/]',
        "  classDef service fill:#eef2f7,stroke:#64748b",
        "  classDef marketing fill:#fff1e0,stroke:#d97706",
    ]


def test_the_mermaid_text_knows_loops_arms_branches_and_days_that_are_past() -> None:
    """And what would be a sign of its own is written so that it is none."""
    text = mermaid(walked(LARGE).value)
    for line in (
        '-->|"arm warm, 50 %"| s4',
        '-->|"branch 2: risk class #gt;= C4"|',
        '-->|"each turn"|',
        '-->|"after the last"|',
        '-->|"past: skipped"|',
        '-->|"past"| past(["end: time_past"])',
        '(["end: 专业投资者"])',
    ):
        assert line in text


def test_out_writes_a_page_that_needs_nothing_else_and_a_diagram(preview: Preview, tmp_path: Path) -> None:
    """The page has every text in both languages, its class and its approval; the same again is the same."""
    ran = preview("small", "--out", tmp_path / "new")
    assert f"The page is {tmp_path}/new/small.html, the diagram for pasting {tmp_path}/new/small.mmd." in ran.out
    html = (tmp_path / "new" / "small.html").read_text(encoding="utf-8")
    assert (tmp_path / "new" / "small.mmd").read_text(encoding="utf-8") == mermaid(walked(SMALL).value)
    for template in walked(SMALL).value.templates.values():
        assert str(template.approval) in html
        for texts in template.texts.values():
            assert all(text.body.replace(">", "&gt;") in html for text in texts.values())
    assert "Checked: nothing to mend." in html
    assert "http" not in html
    assert "<script" not in html
    preview("small", "--out", tmp_path / "again")
    assert (tmp_path / "again" / "small.html").read_text(encoding="utf-8") == html


def test_a_journey_that_there_is_not_is_refused(preview: Preview) -> None:
    """With those that there are."""
    ran = preview("smal")
    assert (ran.code, ran.err) == (
        2,
        "error: there is no journey 'smal': the journeys are large, small (journeys/catalogue.py lists them)\n",
    )


def test_a_place_that_cannot_be_written_is_named(preview: Preview, tmp_path: Path) -> None:
    """With the way out."""
    (tmp_path / "file").write_text("")
    ran = preview("small", "--out", tmp_path / "file" / "folder")
    assert ran.code == 2
    assert "name another place with --out" in ran.err


TOO_WIDE = """() => [...document.querySelectorAll('.flow g')].flatMap(group => {
  const box = [...group.children].find(one => one.matches('rect.box, rect.pill'));
  const inside = one => { const text = one.getBBox(), around = box.getBBox();
    return text.x >= around.x && text.x + text.width <= around.x + around.width
      && text.y >= around.y && text.y + text.height <= around.y + around.height; };
  return box ? [...group.children].filter(one => one.matches('text') && !inside(one)).map(one => one.textContent) : [];
})"""


async def test_the_page_is_fit_to_be_shown(preview: Preview, tmp_path: Path) -> None:
    """In a real browser: nothing is asked of a network, each text fits its box, and the page a desk and a telephone."""
    asked: list[str] = []
    async with browser_page() as page:
        page.on("request", lambda request: asked.append(request.url))
        for name in ("small", "large"):
            preview(name, "--out", tmp_path)
            await page.goto((tmp_path / f"{name}.html").as_uri())
            assert asked.pop() == (tmp_path / f"{name}.html").as_uri()
            for width in (1200, 390):
                await page.set_viewport_size({"width": width, "height": 900})
                assert await page.evaluate(TOO_WIDE) == []
                assert await page.evaluate("document.documentElement.scrollWidth") <= width
            await page.locator("summary", has_text="Mermaid").click()
            assert "flowchart TD" in await page.locator("pre").inner_text()
    assert asked == []
