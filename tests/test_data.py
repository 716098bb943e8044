"""data/radon.csv is what its script makes, and damage to it is reported where it is."""

import gzip
import shutil

import pandas as pd
import pytest
from build_radon import RADON, RAW, DataError, build_radon, check_radon, read_raw, write_radon


@pytest.fixture
def damaged(tmp_path):
    """Return a function that copies radon.csv with its lines changed, and the message it causes."""

    def message(change):
        lines = RADON.read_text().splitlines()
        path = tmp_path / "radon.csv"
        path.write_text("".join(f"{line}\n" for line in change(lines)))
        with pytest.raises(DataError) as error:
            check_radon(path)
        return str(error.value)

    return message


def with_value(line, column, value):
    """Return a change that puts a value into one line (as an editor counts) and column."""

    def change(lines):
        cells = lines[line - 1].split(",")
        cells[lines[0].split(",").index(column)] = value
        return [*lines[: line - 1], ",".join(cells), *lines[line:]]

    return change


def test_csv_is_exactly_what_the_script_makes(tmp_path):
    write_radon(tmp_path / "radon.csv")
    assert (tmp_path / "radon.csv").read_bytes() == RADON.read_bytes()


def test_sound_file_is_accepted_and_survives_its_round_trip():
    pd.testing.assert_frame_equal(check_radon(), build_radon(), rtol=1e-5)


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("floor", "7"),
        ("floor", "upstairs"),
        ("activity", "high"),
        ("activity", "-1"),
        ("activity", "nan"),
        ("activity", ""),
        ("log_radon", "inf"),
        ("county", "ATLANTIS"),
        ("basement", ""),
        ("home", "5081"),
    ],
)
def test_bad_value_is_named_with_file_line_and_column(damaged, column, value):
    message = damaged(with_value(10, column, value))
    assert f"data/radon.csv, line 10, column {column}: {value!r} is not " in message
    assert "git checkout data/radon.csv" in message


def test_missing_column_is_named(damaged):
    message = damaged(lambda lines: [line.rsplit(",", 1)[0] for line in lines])
    assert "data/radon.csv has no column latitude" in message


def test_comma_too_many_on_every_line_is_named(damaged):
    def in_the_data(lines):
        return [lines[0], *(f"{line}," for line in lines[1:])]

    def in_the_header_too(lines):
        return [f"{line}," for line in lines]

    assert "data/radon.csv, line 2 has more values than line 1 has names" in damaged(in_the_data)
    assert "data/radon.csv, line 1: column 10 has no name" in damaged(in_the_header_too)


def test_missing_homes_are_counted(damaged):
    assert "data/radon.csv has 99 homes instead of 919" in damaged(lambda lines: lines[:100])


@pytest.mark.parametrize("lines", [[], ["a,b", "1,2", "1,2,3"]], ids=["empty", "ragged"])
def test_unreadable_file_is_named(damaged, lines):
    assert "data/radon.csv cannot be read" in damaged(lambda _: lines)


def test_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match="data/radon.csv cannot be read"):
        check_radon(tmp_path / "radon.csv")


@pytest.mark.parametrize(
    ("damage", "what"),
    [
        (lambda raw: gzip.compress(gzip.decompress(raw).replace(b"AITKIN", b"AITKEN")), "checksum"),
        (lambda raw: raw[: len(raw) // 2], "cannot be read"),
        (lambda raw: raw[:20] + bytes([raw[20] ^ 255]) + raw[21:], "cannot be read"),
        (lambda raw: b"", "checksum"),
    ],
    ids=["changed", "cut off", "garbled", "empty"],
)
def test_raw_file_must_be_the_published_one(tmp_path, damage, what):
    shutil.copytree(RAW, tmp_path, dirs_exist_ok=True)
    path = tmp_path / "srrs2.dat.gz"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(DataError, match=f"data/raw/srrs2.dat.gz .*{what}"):
        read_raw("srrs2.dat.gz", tmp_path)
