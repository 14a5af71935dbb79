"""The optional file of listings: changes of symbol and reused tickers in the user's own files."""

import asyncio
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from grodt.bars.files import FilesSettings, FilesSource
from grodt.bars.source import RAW_ACTIONS, Fetched
from grodt.errors import ConfigError, DataError
from grodt.instruments import Listing

HEADER = "symbol,session,open,high,low,close,volume\n"
#: One company is FBX until 11 June and MTX from then on; another one is FBX from 17 June on. PLAIN is itself.
BARS = HEADER + "".join(
    f"{symbol},2014-06-{day:02},10,20,5,15,600\n"
    for symbol, days in (("FBX", (9, 10, 17, 18)), ("MTX", (11, 12, 13)), ("PLAIN", (9, 18)))
    for day in days
)
LISTED = "instrument,symbol,since,until\nmeta,FBX,,2014-06-11\nmeta,MTX,2014-06-11,\nfabrix,FBX,2014-06-17,\n"
CHANGE, REUSE = date(2014, 6, 11), date(2014, 6, 17)


def source(folder: Path, listed: str = LISTED, rows: str = BARS, **settings: Any) -> FilesSource:
    (folder / "bars.csv").write_text(rows)
    (folder / "instruments.csv").write_text(listed)
    described = {"bars": {"path": "bars.csv"}, "instruments": {"path": "instruments.csv"}, **settings}
    return FilesSource("mine", FilesSettings.model_validate(described), folder)


def everything(files: FilesSource, *symbols: str) -> Fetched:
    return asyncio.run(files.fetch(symbols, date(1990, 1, 1), date(2030, 1, 1)))


def test_listings_are_those_of_the_file_and_of_each_other_symbol_its_own(tmp_path: Path) -> None:
    files = source(tmp_path)
    meta = (Listing("meta", "FBX", None, CHANGE), Listing("meta", "MTX", CHANGE))
    assert files.listings(["MTX", "PLAIN"]) == (*meta, Listing("PLAIN", "PLAIN"))
    assert files.listings(["FBX"]) == (meta[0], Listing("fabrix", "FBX", REUSE), meta[1])
    assert files.listings(["NEVER"]) == (Listing("NEVER", "NEVER"),)


def test_an_instrument_is_listed_under_the_symbol_of_the_session(tmp_path: Path) -> None:
    files = source(tmp_path, delistings=[{"symbol": "MTX", "session": "2014-06-16", "cash_per_share": 3}])
    listed = {day: [(i.symbol, i.id) for i in files.instruments(date(2014, 6, day))] for day in (8, 10, 11, 16, 17)}
    plain = ("PLAIN", "PLAIN")
    assert listed == {8: [], 10: [("FBX", "meta"), plain], 11: [("MTX", "meta"), plain], 16: [plain], 17: [("FBX", "fabrix"), plain]}
    assert files.unknown(["FBX", "MTX", "PLAIN", "X"]) == ("X",)


def test_a_change_of_symbol_is_an_action_under_the_old_one(tmp_path: Path) -> None:
    fetched = everything(source(tmp_path), "FBX", "MTX")
    assert fetched.actions.schema == RAW_ACTIONS
    assert fetched.actions.select("symbol", "ex_date", "kind", "new_symbol").rows() == [("FBX", CHANGE, "symbol_change", "MTX")]
    assert fetched.bars.height == 7
    assert everything(source(tmp_path), "MTX").actions.is_empty()


def test_a_ticker_may_be_delisted_before_another_company_takes_it_up(tmp_path: Path) -> None:
    listed = "instrument,symbol,since,until\nold,FBX,,2014-06-11\nnew,FBX,2014-06-17,\n"
    gone = {"symbol": "FBX", "session": "2014-06-11", "cash_per_share": 3.5}
    files = source(tmp_path, listed, delistings=[gone, {**gone, "session": "2014-06-19"}])
    actions = everything(files, "FBX").actions.select("ex_date", "kind", "cash_per_share").rows()
    assert actions == [(CHANGE, "delisting", Decimal("3.5")), (date(2014, 6, 19), "delisting", Decimal("3.5"))]
    assert [i.id for day in (10, 12, 18, 19) for i in files.instruments(date(2014, 6, day)) if i.symbol == "FBX"] == ["old", "new"]
    with pytest.raises(ConfigError, match="FBX is delisted on 2014-06-10 but has bars up to 2014-06-10"):
        source(tmp_path, listed, delistings=[{**gone, "session": "2014-06-10"}]).instruments(CHANGE)
    with pytest.raises(ConfigError, match="FBX is delisted twice"):
        source(tmp_path, listed, delistings=[gone, {**gone, "session": "2014-06-12"}]).instruments(CHANGE)


def test_without_the_file_a_bar_after_a_delisting_is_refused_with_a_hint(tmp_path: Path) -> None:
    files = source(tmp_path, instruments=None, delistings=[{"symbol": "FBX", "session": "2014-06-11", "cash_per_share": 0}])
    with pytest.raises(ConfigError, match="if another company took its symbol up, say so in an `instruments` file"):
        files.instruments(CHANGE)


def test_later_splits_are_those_of_the_company_under_whatever_symbol(tmp_path: Path) -> None:
    (tmp_path / "splits.csv").write_text("symbol,ex_date,new,old\nMTX,2014-06-12,3,1\nFBX,2014-06-18,2,1\n")
    (tmp_path / "dividends.csv").write_text("symbol,ex_date,amount\nFBX,2014-06-10,0.1\nMTX,2014-06-13,0.1\n")
    files = source(
        tmp_path,
        bars={"path": "bars.csv", "volume_adjusted_for_splits": True},
        splits={"path": "splits.csv", "columns": {"ratio_new": "new", "ratio_old": "old"}},
        dividends={"path": "dividends.csv", "adjusted_for_splits": True},
    )
    fetched = everything(files, "FBX", "MTX")
    volumes = {(symbol, session.day): volume for symbol, session, volume in fetched.bars.select("symbol", "session", "volume").rows()}
    assert volumes == {
        ("FBX", 9): 200, ("FBX", 10): 200, ("MTX", 11): 200, ("MTX", 12): 600, ("MTX", 13): 600, ("FBX", 17): 300, ("FBX", 18): 600,
    }  # fmt: skip
    paid = fetched.actions.filter(kind="dividend").select("symbol", "cash_per_share").rows()
    assert paid == [("FBX", Decimal("0.3")), ("MTX", Decimal("0.1"))]


def test_an_action_given_under_the_new_symbol_on_the_day_of_the_change_is_put_under_the_old_one(tmp_path: Path) -> None:
    (tmp_path / "dividends.csv").write_text("symbol,ex_date,amount\nMTX,2014-06-11,0.1\nMTX,2014-06-12,0.2\n")
    actions = everything(source(tmp_path, dividends={"path": "dividends.csv"}), "FBX", "MTX").actions
    assert actions.filter(kind="dividend").select("symbol", "ex_date").rows() == [("FBX", CHANGE), ("MTX", date(2014, 6, 12))]


def test_where_another_company_leaves_the_new_symbol_that_day_its_action_stays_its_own(tmp_path: Path) -> None:
    listed = "instrument,symbol,since,until\na,FBX,,2014-06-11\na,MTX,2014-06-11,\nb,MTX,,2014-06-11\nb,XYZ,2014-06-11,\n"
    (tmp_path / "dividends.csv").write_text("symbol,ex_date,amount\nMTX,2014-06-11,0.1\n")
    bars = HEADER + "FBX,2014-06-10,1,1,1,1,1\nMTX,2014-06-10,1,1,1,1,1\nMTX,2014-06-11,1,1,1,1,1\nXYZ,2014-06-11,1,1,1,1,1\n"
    actions = everything(source(tmp_path, listed, bars, dividends={"path": "dividends.csv"}), "FBX", "MTX", "XYZ").actions
    assert actions.filter(kind="dividend")["symbol"].to_list() == ["MTX"]
    assert actions.filter(kind="symbol_change").select("symbol", "new_symbol").rows() == [("FBX", "MTX"), ("MTX", "XYZ")]


def test_an_open_end_is_where_the_instrument_goes_on(tmp_path: Path) -> None:
    files = source(tmp_path, LISTED.replace("meta,FBX,,2014-06-11", "meta,FBX,,"))
    assert files.listings(["MTX"])[0] == Listing("meta", "FBX", None, CHANGE)


def test_columns_are_mapped_and_dates_read_by_their_format(tmp_path: Path) -> None:
    listed = "id;ticker,from,to\n".replace(";", ",") + "meta,FBX,,11.06.2014\nmeta,MTX,11.06.2014,\nfabrix,FBX,17.06.2014,\n"
    columns = {"instrument": "id", "symbol": "ticker", "since": "from", "until": "to"}
    files = source(tmp_path, listed, instruments={"path": "instruments.csv", "columns": columns, "date_format": "%d.%m.%Y"})
    assert files.listings(["FBX"]) == source(tmp_path).listings(["FBX"])


@pytest.mark.parametrize(
    ("listed", "words"),
    [
        ("meta,FBX,,2014-06-11\nother,FBX,2014-06-10,", r"line 3, column 'symbol': 'FBX' overlaps the listing of instrument 'meta' from "
         "the beginning until 2014-06-11; let one end where the other begins"),
        ("meta,FBX,2014-01-02,\nother,FBX,2014-06-10,", r"'FBX' overlaps the listing of instrument 'meta' from 2014-01-02 until today"),
        ("meta,FBX,,2014-06-11\nmeta,MTX,2014-06-10,", r"line 2, column 'until': '2014-06-11' is not where MTX of the same"),
        ("meta,FBX,,2014-06-09\nmeta,MTX,2014-06-11,", r"is not where MTX of the same instrument begins, 2014-06-11"),
        ("meta,FBX,,\nmeta,MTX,,", r"line 3, column 'since': None is the begin of FBX too; an instrument has one symbol"),
        ("meta,FBX,2014-06-11,2014-06-11", r"line 2, column 'until': .* is not later than since"),
        ("meta,,2014-06-11,", r"line 2, column 'symbol': None is empty"),
        ("meta,FBX,yesterday,", r"line 2, column 'since': 'yesterday' is not a date"),
        ("meta,FBX,,2014-06-10\nfabrix,FBX,2014-06-17,", r"bars.csv: FBX has a bar on 2014-06-10, outside each of its listings"),
        ("PLAIN,FBX,,\nPLAIN,MTX,2014-06-11,", r"PLAIN is a symbol of its own, and the id of an instrument in .*another id"),
        ("meta,MTX,2014-06-12,", r"MTX has a bar on 2014-06-11, outside each of its listings"),
    ],
)  # fmt: skip
def test_listings_that_contradict_each_other_or_the_bars_are_refused(tmp_path: Path, listed: str, words: str) -> None:
    with pytest.raises(DataError, match=words):
        everything(source(tmp_path, f"instrument,symbol,since,until\n{listed}\n"), "FBX")


def test_a_column_that_is_not_there_and_one_that_is_unknown_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"instruments: .*instruments.csv has no column 'until', which is mapped to 'until'"):
        source(tmp_path, "instrument,symbol,since\n").listings(["FBX"])
    with pytest.raises(ValidationError, match=r"instruments\.columns\.begin"):
        source(tmp_path, instruments={"path": "instruments.csv", "columns": {"begin": "since"}})


def test_an_instrument_without_a_bar_is_not_listed(tmp_path: Path) -> None:
    files = source(tmp_path, LISTED + "ghost,GHO,2014-01-01,\n")
    assert "GHO" not in {instrument.symbol for instrument in files.instruments(REUSE)}
    assert files.unknown(["GHO"]) == ("GHO",)
