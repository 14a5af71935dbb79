import asyncio
from datetime import date
from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from grodt.bars.files import FilesSettings, FilesSource
from grodt.bars.source import RAW_ACTIONS, RAW_BARS, Fetched
from grodt.bars.split_units import shares_of_price_ratio
from grodt.errors import ConfigError, DataError

SHARED = Path(__file__).resolve().parents[2] / "../shared/data"
US_DAILY = SHARED / "us-daily-2004-2014"
BAD_QUOTES = SHARED / "bad-quotes"
needs_us_daily = pytest.mark.skipif(not US_DAILY.is_dir(), reason="../shared/data/us-daily-2004-2014 is absent")
needs_bad_quotes = pytest.mark.skipif(not BAD_QUOTES.is_dir(), reason="../shared/data/bad-quotes is absent")

HEADER = "symbol,session,open,high,low,close,volume\n"
GOOD = HEADER + "B,2014-06-10,1,2,0.5,1.5,100\nA,2014-06-09,10,20,5,15,1000\nA,2014-06-10,10,20,5,15,1000\n"
US_SETTINGS = {
    "bars": {"path": "bars_daily.parquet", "columns": {"session": "date"}, "volume_adjusted_for_splits": True},
    "splits": {"path": "splits.parquet", "columns": {"ex_date": "effective_date", "price_ratio": "price_ratio"}},
    "dividends": {"path": "dividends.parquet", "columns": {"pay_date": "pay_date"}, "adjusted_for_splits": True},
    "delistings": [{"symbol": "DELL", "session": "2013-10-30", "cash_per_share": "13.75"}],
}


def us_daily() -> FilesSource:
    return FilesSource("us", FilesSettings.model_validate(US_SETTINGS), US_DAILY)


def source(folder: Path, bars: str = GOOD, **settings: object) -> FilesSource:
    (folder / "bars.csv").write_text(bars)
    extra = settings.pop("bars_settings", {})
    return FilesSource("mine", FilesSettings.model_validate({"bars": {"path": "bars.csv", **extra}, **settings}), folder)


def everything(files: FilesSource, *symbols: str) -> Fetched:
    return asyncio.run(files.fetch(symbols, date(1990, 1, 1), date(2030, 1, 1)))


def test_a_csv_is_read_into_raw_bars_sorted_by_symbol_and_session(tmp_path):
    files = source(tmp_path)
    fetched = everything(files, "B", "A")
    assert files.name == "mine"
    assert fetched.bars.schema == RAW_BARS
    assert fetched.bars["symbol"].to_list() == ["A", "A", "B"]
    assert fetched.bars.row(0) == ("A", date(2014, 6, 9), 10.0, 20.0, 5.0, 15.0, 1000.0)
    assert fetched.actions.schema == RAW_ACTIONS
    assert fetched.actions.is_empty()


def test_a_fetch_gives_the_symbols_and_dates_asked_for_and_no_others(tmp_path):
    files = source(tmp_path)
    fetched = asyncio.run(files.fetch(["A", "unknown"], date(2014, 6, 10), date(2014, 6, 10)))
    assert fetched.bars.select("symbol", "session").rows() == [("A", date(2014, 6, 10))]


def test_the_file_is_read_once(tmp_path):
    files = source(tmp_path)
    first = everything(files, "A")
    (tmp_path / "bars.csv").unlink()
    assert everything(files, "A").bars.equals(first.bars)


def test_a_symbol_is_listed_from_its_first_bar_until_its_delisting(tmp_path):
    files = source(tmp_path, delistings=[{"symbol": "A", "session": "2014-06-11", "cash_per_share": 3.5}])
    listed = {day: [i.symbol for i in files.instruments(date(2014, 6, day))] for day in (8, 9, 10, 11)}
    assert listed == {8: [], 9: ["A"], 10: ["A", "B"], 11: ["B"]}
    delisting = everything(files, "A").actions.row(0, named=True)
    assert (delisting["kind"], delisting["ex_date"], delisting["cash_per_share"]) == ("delisting", date(2014, 6, 11), Decimal("3.5"))


@pytest.mark.parametrize(
    ("entries", "words"),
    [
        ([("X", "2014-06-11")], "X has no bar in the file"),
        ([("A", "2014-06-11"), ("A", "2014-06-12")], "A is delisted twice"),
        ([("A", "2014-06-10")], "A is delisted on 2014-06-10 but has bars up to 2014-06-10"),
    ],
)
def test_a_delisting_that_contradicts_the_bars_is_a_configuration_error(tmp_path, entries, words):
    files = source(tmp_path, delistings=[{"symbol": s, "session": d, "cash_per_share": 0} for s, d in entries])
    with pytest.raises(ConfigError, match=words):
        files.instruments(date(2014, 6, 10))


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("A,2014-06-11,ten,2,1,1,1", r"bars\.csv, line 5, column 'open': 'ten' is not a number"),
        ("A,2014-06-11,1,2,-1,1,1", r"line 5, column 'low': -1.0 is not a price above zero"),
        ("A,2014-06-11,1,2,1,0,1", r"line 5, column 'close': 0.0 is not a price above zero"),
        ("A,2014-06-11,1,2,1,1,many", r"line 5, column 'volume': 'many' is not a number"),
        ("A,11.6.2014,1,2,1,1,1", r"line 5, column 'session': '11.6.2014' is not a date as %Y-%m-%d; set date_format"),
        ("A,,1,2,1,1,1", r"line 5, column 'session': None is empty"),
        (" ,2014-06-11,1,2,1,1,1", r"line 5, column 'symbol': '' is empty"),
        ("A,2014-06-10,1,2,1,1,1", r"line 5, column 'symbol': 'A, 2014-06-10' repeats the key \(symbol, session\) of row 4"),
        ("A,2014-06-11,1,2,1,1,1,9", r"bars\.csv cannot be read as csv"),
    ],
)
def test_a_cell_that_cannot_be_read_names_file_line_column_and_value(tmp_path, row, words):
    with pytest.raises(DataError, match=words):
        everything(source(tmp_path, GOOD + row + "\n"), "A")


def test_what_is_odd_but_can_be_read_is_left_to_the_gate(tmp_path):
    bars = everything(source(tmp_path, GOOD + "A,2014-06-14,,NaN,inf,1,-5\n\n"), "A").bars
    assert bars.row(2)[2:] == pytest.approx((None, float("nan"), float("inf"), 1.0, -5.0), nan_ok=True)


def test_a_missing_column_names_the_mapping_and_the_columns_there_are(tmp_path):
    with pytest.raises(ConfigError, match="no column 'close', which is mapped to 'close'; its columns are symbol, session, open"):
        everything(source(tmp_path, GOOD.replace("close", "last")), "A")


@pytest.mark.parametrize(("path", "words"), [("absent.csv", "there is no file .*absent.csv"), ("bars.txt", "neither .csv nor .parquet")])
def test_a_file_that_is_not_there_or_of_another_format_is_a_configuration_error(tmp_path, path, words):
    with pytest.raises(ConfigError, match=words):
        everything(source(tmp_path, bars_settings={"path": path}), "A")


@pytest.mark.parametrize(("name", "content"), [("bars.parquet", b"not a parquet file"), ("bars.csv", b""), ("bars.csv", b'a,b\n"x,1\n')])
def test_a_file_that_is_not_what_its_suffix_says_is_a_data_error(tmp_path, name, content):
    files = source(tmp_path, bars_settings={"path": name})
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match="cannot be read as"):
        everything(files, "A")


def test_columns_dates_and_the_symbol_of_the_whole_file_can_be_mapped(tmp_path):
    text = "Day,O,H,L,C,V\n06/10/2014,1,2,0.5,1.5,100\n"
    columns = {"session": "Day", "open": "O", "high": "H", "low": "L", "close": "C", "volume": "V"}
    files = source(tmp_path, text, bars_settings={"columns": columns, "date_format": "%m/%d/%Y", "symbol": "SPY"})
    assert everything(files, "SPY").bars.row(0) == ("SPY", date(2014, 6, 10), 1.0, 2.0, 0.5, 1.5, 100.0)


def test_parquet_dates_may_be_instants_at_midnight_and_no_others(tmp_path):
    frame = pl.DataFrame(
        {"symbol": ["A"], "session": pl.Series([date(2014, 6, 10)]).cast(pl.Datetime), **{c: [1.0] for c in RAW_BARS.names()[2:]}}
    )
    files = source(tmp_path, bars_settings={"path": "bars.parquet"})
    frame.write_parquet(tmp_path / "bars.parquet")
    assert everything(files, "A").bars["session"].to_list() == [date(2014, 6, 10)]
    frame.with_columns(pl.col("session").dt.offset_by("1h")).write_parquet(tmp_path / "bars.parquet")
    with pytest.raises(DataError, match=r"row 1, column 'session': .* is not a date"):
        everything(source(tmp_path, bars_settings={"path": "bars.parquet"}), "A")
    frame.with_columns(session=pl.lit(20140610)).write_parquet(tmp_path / "bars.parquet")
    with pytest.raises(DataError, match="column 'session': 20140610 is not a date"):
        everything(source(tmp_path, bars_settings={"path": "bars.parquet"}), "A")


def test_volume_of_today_s_shares_is_turned_back_before_each_split(tmp_path):
    (tmp_path / "splits.csv").write_text("symbol,ex_date,new,old\nA,2014-06-10,3,2\nA,2014-06-12,2,1\nB,2014-01-01,5,1\n")
    splits = {"path": "splits.csv", "columns": {"ratio_new": "new", "ratio_old": "old"}}
    rows = "".join(f"A,2014-06-{day:02d},1,1,1,1,300\n" for day in (9, 10, 11, 12)) + "B,2014-06-10,1,1,1,1,70.5\n"
    files = source(tmp_path, HEADER + rows, bars_settings={"volume_adjusted_for_splits": True}, splits=splits)
    assert everything(files, "A", "B").bars["volume"].to_list() == [100.0, 150.0, 150.0, 300.0, 70.5]


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("A,2014-06-10,0,1", "line 2, column 'ratio_new': 0.0 is no ratio above zero"),
        ("A,2014-06-10,1.5,1", "column 'ratio_new': 1.5 is no ratio"),
        ("A,2014-06-10,2,", "column 'ratio_old': None is no ratio"),
        ("A,2014-06-10,2,1\nA,2014-06-10,2,1", "line 3, .* repeats the key"),
    ],
)
def test_a_split_that_is_no_ratio_of_shares_is_refused(tmp_path, row, words):
    (tmp_path / "splits.csv").write_text(f"symbol,ex_date,new,old\n{row}\n")
    files = source(tmp_path, splits={"path": "splits.csv", "columns": {"ratio_new": "new", "ratio_old": "old"}})
    with pytest.raises(DataError, match=words):
        everything(files, "A")


def test_a_price_ratio_that_is_no_ratio_of_shares_is_refused(tmp_path):
    (tmp_path / "splits.csv").write_text("symbol,ex_date,ratio\nA,2014-06-10,0.00031415\n")
    files = source(tmp_path, splits={"path": "splits.csv", "columns": {"price_ratio": "ratio"}})
    with pytest.raises(
        DataError, match=r"line 2, column 'price_ratio': 0\.00031415 is no ratio of whole shares; give .* ratio_new and ratio_old"
    ):
        everything(files, "A")


@pytest.mark.parametrize("columns", [{}, {"price_ratio": "r", "ratio_new": "n"}, {"ratio_new": "n"}])
def test_splits_map_one_form_of_ratio(columns):
    with pytest.raises(ValidationError, match="either price_ratio, or ratio_new and ratio_old"):
        FilesSettings.model_validate({"bars": {"path": "b.csv"}, "splits": {"path": "s.csv", "columns": columns}})


def test_an_unknown_setting_is_refused():
    with pytest.raises(ValidationError, match="colums"):
        FilesSettings.model_validate({"bars": {"path": "b.csv", "colums": {}}})


@given(new=st.integers(1, 100), old=st.integers(1, 100))
def test_a_price_ratio_cut_at_six_decimals_is_the_ratio_of_shares_again(new, old):
    cut = int(old * 1_000_000 / new) / 1_000_000
    got_new, got_old = shares_of_price_ratio(cut)
    assert abs(got_old / got_new - old / new) <= 2e-6 * max(1.0, old / new)
    if max(new, old) <= 10:
        assert got_old * new == got_new * old


@pytest.mark.parametrize("ratio", [0.0, -0.5, float("nan"), float("inf")])
def test_a_price_ratio_must_be_finite_and_above_zero(ratio):
    with pytest.raises(ValueError, match="no ratio of whole shares"):
        shares_of_price_ratio(ratio)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ("A,2014-06-10,,x", "column 'amount': 'x' is not a number"),
        ("A,2014-06-10,,0", "column 'amount': 0.0 is not an amount above zero"),
        ("A,2014-06-10,,", "column 'amount': None is not an amount above zero"),
        ("A,2014-06-10,2014-06-09,1", "column 'pay_date': .* lies before the ex date"),
        ("A,2014-06-10,,1\nA,2014-06-10,,2", "line 3, .* repeats the key"),
    ],
)
def test_a_dividend_that_cannot_be_paid_is_refused(tmp_path, row, words):
    (tmp_path / "dividends.csv").write_text(f"symbol,ex_date,paid,amount\n{row}\n")
    files = source(tmp_path, dividends={"path": "dividends.csv", "columns": {"pay_date": "paid"}})
    with pytest.raises(DataError, match=words):
        everything(files, "A")


def test_dividends_keep_their_pay_date_and_their_amount_as_written(tmp_path):
    (tmp_path / "dividends.csv").write_text("symbol,ex_date,paid,amount\nA,2014-06-10,2014-06-20,0.123456\nA,2014-06-11,,2.65\n")
    fetched = everything(source(tmp_path, dividends={"path": "dividends.csv", "columns": {"pay_date": "paid"}}), "A")
    assert fetched.actions.select("pay_date", "cash_per_share").rows() == [
        (date(2014, 6, 20), Decimal("0.123456")),
        (None, Decimal("2.65")),
    ]
    (tmp_path / "dividends.csv").write_text("symbol,ex_date,amount\nA,2014-06-10,1\n")
    assert everything(source(tmp_path, dividends={"path": "dividends.csv"}), "A").actions["pay_date"].to_list() == [None]


@needs_us_daily
def test_real_splits_are_whole_shares_and_real_dividends_what_a_share_was_paid_then():
    actions = everything(us_daily(), *(i.symbol for i in us_daily().instruments(date(2010, 1, 4)))).actions
    splits = actions.filter(pl.col("kind") == "split").select("symbol", "ex_date", "ratio_new", "ratio_old").rows()
    assert ("AAPL", date(2014, 6, 9), 7, 1) in splits
    assert len(splits) == 5
    apple = dict(actions.filter((pl.col("symbol") == "AAPL") & (pl.col("kind") == "dividend")).select("ex_date", "cash_per_share").rows())
    assert apple[date(2012, 8, 9)] == Decimal("2.650000")
    assert apple[date(2014, 5, 8)] == Decimal("3.290000")
    assert apple[date(2014, 8, 7)] == Decimal("0.470000")
    microsoft = actions.filter((pl.col("symbol") == "MSFT") & (pl.col("ex_date") == date(2004, 11, 15)))
    assert microsoft["cash_per_share"].to_list() == [Decimal("3.080000")]
    assert actions.height == 5 + 233 + 1


@needs_us_daily
def test_real_volume_is_in_shares_of_its_day():
    volume = asyncio.run(us_daily().fetch(["AAPL"], date(2004, 1, 2), date(2004, 1, 2))).bars["volume"][0]
    assert volume == 36_160_600 / 14


@needs_bad_quotes
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("bad.csv", "bad.csv, line 202, column 'session': None is empty"),
        ("zeros.csv", "zeros.csv, line 2, column 'open': 0.0 is not a price above zero"),
    ],
)
def test_real_bad_files_stop_at_their_first_bad_cell(name, words):
    form = "%m/%d/%y" if name == "zeros.csv" else "%m/%d/%Y"
    settings = {"bars": {"path": name, "symbol": "SPY", "columns": {"session": "date"}, "date_format": form}}
    with pytest.raises(DataError, match=words):
        everything(FilesSource("bad", FilesSettings.model_validate(settings), BAD_QUOTES), "SPY")


@needs_bad_quotes
def test_a_real_file_with_other_column_names_is_a_mapping_error():
    settings = {"bars": {"path": "mismatch.csv", "symbol": "SPY", "columns": {"session": "date"}}}
    with pytest.raises(ConfigError, match=r"mismatch\.csv has no column 'date'.*Timestamp, Open"):
        everything(FilesSource("bad", FilesSettings.model_validate(settings), BAD_QUOTES), "SPY")
