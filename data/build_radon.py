"""Make data/radon.csv from the raw survey files, or check the file that is there.

    python data/build_radon.py           write radon.csv
    python data/build_radon.py --check   say what is wrong with radon.csv, if anything is

data/README.md describes the columns and the origin of the raw files.
"""

import argparse
import gzip
import hashlib
import re
import sys
import zlib
from pathlib import Path

import numpy as np
import pandas as pd
import pandera.pandas as pa

RADON = Path(__file__).parent / "radon.csv"
RAW = Path(__file__).parent / "raw"
SHA256 = {  # of the unpacked files
    "srrs2.dat.gz": "241219ed05d4bf7dc171ca279c69db7f8d87ae666feae86161c973483a054877",
    "cty.dat.gz": "b709ee016f57e0c9141f1441bc6d4ae527b283ac06ed612f0849818ecd14061b",
}
N_HOMES = 919


class DataError(Exception):
    """A data file is missing or damaged; the message says what is wrong where, and what to do."""


def read_raw(name: str, folder: Path = RAW) -> pd.DataFrame:
    """Read a raw survey file, but only if it is the known one, byte for byte.

    Raises DataError if the file is missing, cannot be unpacked or has another checksum.
    """
    remedy = f"Get it back with 'git checkout data/raw/{name}'."
    try:
        unpacked = gzip.decompress((folder / name).read_bytes())
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"data/raw/{name} cannot be read ({error}). {remedy}") from error
    if hashlib.sha256(unpacked).hexdigest() != SHA256[name]:
        raise DataError(f"data/raw/{name} does not have the checksum it should have. {remedy}")
    table = pd.read_csv(folder / name, skipinitialspace=True)
    return table.apply(lambda column: column.str.strip() if column.dtype == "str" else column)


def minnesota_homes(raw: Path = RAW) -> pd.DataFrame:
    """Return the survey's rows for Minnesota, with the survey's own columns."""
    # By name, as in the literature: homes listed as R5 carry the FIPS codes of states too.
    return read_raw("srrs2.dat.gz", raw).query("state == 'MN'")


def build_radon(raw: Path = RAW) -> pd.DataFrame:
    """Join Minnesota's homes with their county's uranium and position: one row a home."""
    # A county in two pieces has a row for each, with the same uranium: the first stands for it.
    counties = read_raw("cty.dat.gz", raw).drop_duplicates(["stfips", "ctfips"])
    homes = minnesota_homes(raw).merge(
        counties.rename(columns={"ctfips": "cntyfips"}),
        on=["stfips", "cntyfips"],
        validate="many_to_one",
    )
    return pd.DataFrame(
        {
            "home": homes["idnum"],
            "county": homes["county"],
            "floor": homes["floor"],
            "basement": homes["basement"].map({"Y": "yes", "N": "no"}).fillna("unknown"),
            "activity": homes["activity"],
            # Three homes read 0: adding the instrument's step of 0.1 keeps their logarithm finite.
            "log_radon": np.log(homes["activity"] + 0.1),
            "log_uranium": np.log(homes["Uppm"]),
            "longitude": homes["lon"],
            "latitude": homes["lat"],
        }
    )


def write_radon(path: Path = RADON) -> None:
    """Write radon.csv, rounded so that every platform's math library gives the same bytes."""
    build_radon().to_csv(path, index=False, float_format="%.6g", lineterminator="\n")


def radon_schema(counties: list[str]) -> pa.DataFrameSchema:
    """Return what radon.csv must satisfy. A title ends the sentence "<value> is not <title>"."""

    def number(low: float, high: float, what: str) -> pa.Column:
        return pa.Column(
            float, pa.Check.in_range(low, high), title=f"{what} between {low} and {high}"
        )

    columns = {
        "home": pa.Column(
            int, unique=True, report_duplicates="exclude_first", title="a number no other home has"
        ),
        "county": pa.Column(
            str, pa.Check.isin(counties), title=f"one of the {len(counties)} counties surveyed"
        ),
        "floor": pa.Column(int, pa.Check.isin([0, 1]), title="0 (basement) or 1 (first floor)"),
        "basement": pa.Column(
            str, pa.Check.isin(["yes", "no", "unknown"]), title="yes, no or unknown"
        ),
        "activity": number(0, 100, "a radon activity in pCi/L"),
        "log_radon": number(-3, 5, "a log radon activity"),
        "log_uranium": number(-2, 2, "a log uranium content"),
        "longitude": number(-97.5, -89.5, "a longitude in Minnesota"),
        "latitude": number(43.4, 49.4, "a latitude in Minnesota"),
    }
    return pa.DataFrameSchema(columns, strict=True, coerce=True)


def check_radon(path: Path = RADON) -> pd.DataFrame:
    """Return radon.csv, one row a home, if it is sound.

    Raises DataError, naming the file and, where there is one, the line, column and value.
    """
    name = f"data/{path.name}"
    remedy = f"Get it back with 'git checkout {name}' or 'python data/build_radon.py'."
    schema = radon_schema(sorted(minnesota_homes()["county"].unique()))
    try:
        # As text, so that a message can show a value as it stands in the file.
        text = pd.read_csv(path, dtype=str, keep_default_na=False)
        radon = schema.validate(text, lazy=True)
    except (OSError, ValueError) as error:
        raise DataError(f"{name} cannot be read ({str(error).strip()}). {remedy}") from error
    except pa.errors.SchemaErrors as error:
        if not isinstance(text.index, pd.RangeIndex):  # pandas took the first values for labels
            raise DataError(
                f"{name}, line 2 has more values than line 1 has names. {remedy}"
            ) from error
        failures = error.failure_cases
        for failure in failures[failures["check"] == "column_in_dataframe"].itertuples():
            raise DataError(f"{name} has no column {failure.failure_case}. {remedy}") from error
        for failure in failures[failures["check"] == "column_in_schema"].itertuples():
            if unnamed := re.fullmatch(r"Unnamed: (\d+)", failure.failure_case):  # by pandas
                number = int(unnamed[1]) + 1
                raise DataError(f"{name}, line 1: column {number} has no name. {remedy}") from error
            raise DataError(
                f"{name} has a column {failure.failure_case}, which is unknown. {remedy}"
            ) from error
        # A column with text in it fails every later check too: look at conversions first.
        conversions = failures["check"].str.startswith("coerce_dtype")
        failure = (failures[conversions] if conversions.any() else failures).iloc[0]
        line = failure["index"] + 2  # the first row is on the second line
        value = text.loc[failure["index"], failure["column"]]
        raise DataError(
            f"{name}, line {line}, column {failure['column']}: {value!r} is not "
            f"{schema.columns[failure['column']].title}. {remedy}"
        ) from error
    if len(radon) != N_HOMES:
        raise DataError(f"{name} has {len(radon)} homes instead of {N_HOMES}. {remedy}")
    return radon


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="check the file, write nothing")
    try:
        check_radon() if parser.parse_args().check else write_radon()
    except DataError as error:
        sys.exit(str(error))
