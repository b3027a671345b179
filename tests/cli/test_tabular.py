"""Files of rows: every way to write one that people and programs use, and every way to write one wrong."""

from __future__ import annotations

import csv
import io
import os
import tracemalloc
from collections.abc import Collection
from pathlib import Path

import click
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cli.tabular import LONGEST_LINE, Reject, Rejects, Row, open_table
from errors import InputError


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "rows.csv"


def read(file: Path, content: bytes | str, needed: Collection[str] = ("id",)) -> list[Row | Reject]:
    file.write_bytes(content if isinstance(content, bytes) else content.encode())
    with open_table(file, needed=needed) as table:
        return list(table)


def values(rows: list[Row | Reject]) -> list[object]:
    return [(row.line, dict(row.values) if isinstance(row, Row) else row.reason) for row in rows]


@pytest.mark.parametrize(
    "content",
    [
        b"id,word\n1,a\n2,b\n",
        b"\xef\xbb\xbfid,word\r\n1,a\r\n2,b\r\n",
        b"id,word\r1,a\r2,b",
        b"id;word\n1;a\n2;b\n",
        b"id\tword\n1\ta\n2\tb\n",
        b' id , word \n 1 , a \n"2",b\n',
        b'{"id": "1", "word": "a"}\n{"id": "2", "word": "b"}\n',
        b'\xef\xbb\xbf{"id": "1", "word": "a"}\r\n{"id": "2", "word": "b"}',
    ],
)
def test_one_table_is_read_from_every_way_to_write_it(file: Path, content: bytes) -> None:
    """A byte order mark, Windows or old line ends, three separators, spaces and JSON Lines give the same rows."""
    assert values(read(file, content)) == [
        (2 if not content.lstrip(b"\xef\xbb\xbf").startswith(b"{") else 1, {"id": "1", "word": "a"}),
        (3 if not content.lstrip(b"\xef\xbb\xbf").startswith(b"{") else 2, {"id": "2", "word": "b"}),
    ]


def test_a_stream_is_refused_in_a_sentence() -> None:
    """As of `<(…)` and of a pipe to /dev/stdin."""
    out, into = os.pipe()
    os.write(into, b"id\n1\n")
    os.close(into)
    try:
        with pytest.raises(InputError, match="is a stream, which cannot be read twice: write it into a file"):
            open_table(Path(f"/dev/fd/{out}"), needed=("id",))
    finally:
        os.close(out)


def test_a_quoted_cell_may_hold_lines_commas_and_quotes(file: Path) -> None:
    """The rows after it keep their line numbers."""
    rows = read(file, 'id,word\r\n1,"two\r\nlines, and ""quotes"""\r\n2,b\r\n')
    assert values(rows) == [(2, {"id": "1", "word": 'two\r\nlines, and "quotes"'}), (4, {"id": "2", "word": "b"})]


def test_empty_lines_and_rows_of_empty_cells_are_no_rows(file: Path) -> None:
    """What a spreadsheet leaves at the end of a sheet is passed over."""
    assert values(read(file, "\n\nid,word\n\n1,a\n,\n , \n")) == [(5, {"id": "1", "word": "a"})]


def test_a_quote_that_is_never_closed_costs_its_own_line_only(file: Path) -> None:
    """The lines that it would have swallowed are read."""
    rows = read(file, 'id,word\n1,"a\n2,b\n3,c\n')
    assert [row.line for row in rows] == [2, 3, 4]
    assert isinstance(rows[0], Reject)
    assert values(rows[1:]) == [(3, {"id": "2", "word": "b"}), (4, {"id": "3", "word": "c"})]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b"1,a,b", "has 3 cells where the header has 2"),
        (b"1", "has 1 cells where the header has 2"),
        (b",a", "has no id"),
        (b'1,"a"b', "has quotes that do not fit"),
        ("1,客户".encode("gbk"), "is not UTF-8"),
        (b"1,\x00", "has a NUL character"),
    ],
)
def test_a_bad_line_of_a_csv_is_rejected_and_the_next_is_read(file: Path, line: bytes, reason: str) -> None:
    """Each kind of bad line has its reason, and none takes another line with it."""
    rows = read(file, b"id,word\n" + line + b"\n2,b\n")
    assert isinstance(rows[0], Reject)
    assert rows[0].line == 2
    assert reason in rows[0].reason
    assert values(rows[1:]) == [(3, {"id": "2", "word": "b"})]


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"id": "1"', "is not valid JSON"),
        (b"1,a", "is not valid JSON"),
        (b'["1"]', "is not a JSON object"),
        (b'{"word": "a"}', "has no id"),
        (b'{"id": null}', "has no id"),
        (b'{"id": "1", "amount": NaN}', "is not valid JSON"),
        (b"[" * 100_000, "is nested too deep: use at most 50 levels"),
        (b'{"id": "\\u0000"}', "has a NUL character"),
        (b'{"id": "\\ud800"}', "is not UTF-8"),
        (b'{"id": "\xff"}', "is not UTF-8"),
    ],
)
def test_a_bad_line_of_json_is_rejected_and_the_next_is_read(file: Path, line: bytes, reason: str) -> None:
    """Each kind of bad line has its reason, and none takes another line with it."""
    rows = read(file, b'{"id": "0"}\n' + line + b'\n{"id": "2"}\n')
    assert isinstance(rows[1], Reject)
    assert reason in rows[1].reason
    assert [row.line for row in rows] == [1, 2, 3]
    assert isinstance(rows[2], Row)


def test_a_file_whose_name_says_json_is_read_as_json(tmp_path: Path) -> None:
    """When its first line is broken, the name decides."""
    rows = read(tmp_path / "rows.jsonl", 'broken\n{"id": "1"}\n')
    assert isinstance(rows[0], Reject)
    assert isinstance(rows[1], Row)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "lacks the column 'id' .its header has nothing"),
        (b"name,word\n1,a\n", "lacks the column 'id' .its header has 'name', 'word'.: add it"),
        (b"id,word,word\n1,a,b\n", "has the column 'word' twice"),
        (b"id,wrd\n1,a\n", "did you mean 'word'"),
        (b"id,telephone\n1,a\n", "take it out; the columns are id, word"),
        ("id,客户\n".encode("gbk"), "is not UTF-8"),
        ("id,word\n".encode("utf-16"), "is UTF-16: save it as UTF-8"),
        (b'[{"id": "1"}]', "write one object a line"),
    ],
)
def test_a_wrong_file_is_refused_before_any_row(file: Path, content: bytes, said: str) -> None:
    """What is wrong with the whole file is said once, with what to do."""
    file.write_bytes(content)
    with pytest.raises(InputError, match=said):
        open_table(file, needed=("id",), allowed=("id", "word"))


@pytest.mark.parametrize("name", ["missing.csv", "."])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    """A missing file and a folder are said to be so."""
    with pytest.raises(InputError, match="cannot be read"):
        open_table(tmp_path / name, needed=())


def test_a_line_without_end_stops_the_reading(file: Path) -> None:
    """A file that is no table at all does not fill the memory."""
    with pytest.raises(InputError, match="line 2 is longer than a million characters"):
        read(file, "id\n" + "x" * LONGEST_LINE)


def test_a_long_file_never_sits_in_memory(file: Path) -> None:
    """A hundred thousand rows take no more memory than a few."""
    with file.open("w") as stream:
        stream.write("id,word\n")
        stream.writelines(f"{number},{'x' * 100}\n" for number in range(100_000))
    tracemalloc.start()
    try:
        with open_table(file, needed=("id",)) as table:
            assert sum(1 for _ in table) == 100_000
            assert table.position == table.size
        assert tracemalloc.get_traced_memory()[1] < 2_000_000
    finally:
        tracemalloc.stop()


cells = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20).map(str.strip)


@settings(deadline=None)
@given(st.lists(st.tuples(cells.filter(bool), cells, cells), max_size=8), st.sampled_from(["\n", "\r\n"]))
def test_what_a_csv_writer_writes_is_read_back(
    tmp_path_factory: pytest.TempPathFactory, table: list[tuple[str, str, str]], line_end: str
) -> None:
    """Any text in any cell survives the way through a file."""
    stream = io.StringIO(newline="")
    csv.writer(stream, lineterminator=line_end, quoting=csv.QUOTE_ALL).writerows([("id", "b", "c"), *table])
    rows = read(tmp_path_factory.mktemp("csv") / "rows.csv", stream.getvalue())
    assert [tuple(row.values.values()) if isinstance(row, Row) else row for row in rows] == table


def test_rejects_are_written_with_line_reason_and_row(file: Path) -> None:
    """The reasons are free of phone numbers; the file opens in a spreadsheet, and only its owner may read it."""
    with Rejects(file) as rejects:
        rejects.add(Reject(7, '13812345678,"客户"\r\n', "'13812345678' is no id"))
        rejects.add(Row(9, "1,\udcff\n", {}), "is not UTF-8")
    assert rejects.file == file.with_name("rows.csv.rejects.csv")
    assert rejects.file.read_bytes().startswith(b"\xef\xbb\xbf")
    assert rejects.file.stat().st_mode & 0o777 == 0o600
    with rejects.file.open(encoding="utf-8-sig", newline="") as stream:
        assert list(csv.reader(stream)) == [
            ["line", "reason", "row"],
            ["7", "'13…78' is no id", '13812345678,"客户"'],
            ["9", "is not UTF-8", "1,\\udcff"],
        ]
    with pytest.raises(click.exceptions.Exit) as ended:
        rejects.leave()
    assert ended.value.exit_code == 1


def test_a_run_without_rejects_takes_the_old_file_away(file: Path) -> None:
    """What an earlier run rejected is not mistaken for what this one did."""
    with Rejects(file) as rejects:
        rejects.add(Reject(1, "x", "is wrong"))
    with Rejects(file) as rejects:
        pass
    rejects.leave()
    assert not rejects.file.exists()


@pytest.mark.parametrize("content", ["My notes\n", "line,reason,row\n"])
def test_a_file_that_holds_no_rejects_is_left_alone(file: Path, tmp_path: Path, content: str) -> None:
    """Neither written over nor taken away."""
    notes = tmp_path / "notes.txt"
    notes.write_text(content)
    with pytest.raises(InputError, match=r"notes\.txt holds no rejects of an earlier run: name another place"):
        Rejects(file, notes)
    assert notes.read_text() == content


def test_rejects_that_replace_others_are_for_the_owner_alone(file: Path) -> None:
    """Whatever the mode of the file that was there."""
    with Rejects(file) as rejects:
        rejects.add(Reject(1, "x", "is wrong"))
    rejects.file.chmod(0o644)
    with Rejects(file) as rejects:
        rejects.add(Reject(2, "y", "is wrong"))
    assert rejects.file.stat().st_mode & 0o777 == 0o600
    assert "\n1," not in rejects.file.read_text(encoding="utf-8-sig")


@pytest.mark.parametrize("sign", ["=", "+", "-", "@", "\t"])
def test_a_row_of_rejects_is_no_formula(file: Path, sign: str) -> None:
    """A spreadsheet would compute it, and a formula can send what stands beside it elsewhere."""
    with Rejects(file) as rejects:
        rejects.add(Reject(1, f"{sign}HYPERLINK(1),x\n", f"{sign}1 is no id"))
    with rejects.file.open(encoding="utf-8-sig", newline="") as stream:
        assert list(csv.reader(stream))[1] == ["1", f"'{sign}1 is no id", f"'{sign}HYPERLINK(1),x"]


def test_rejects_never_overwrite_the_file_itself(file: Path, tmp_path: Path) -> None:
    """A place that is the file, or that cannot be written, is refused."""
    with pytest.raises(InputError, match="names the file that is read"):
        Rejects(file, file)
    with (
        Rejects(file, tmp_path / "missing" / "rejects.csv") as rejects,
        pytest.raises(InputError, match="name another place with --rejects"),
    ):
        rejects.add(Reject(1, "x", "is wrong"))
