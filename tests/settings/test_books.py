from datetime import date
from decimal import Decimal
from pathlib import Path

import pytest

from grodt.bars.files import FilesSource
from grodt.bars.simulated import SimulatedSource
from grodt.brokers.fills import FillTerms
from grodt.errors import ConfigError
from grodt.instruments import Instrument
from grodt.money import micros
from grodt.orders.approval import AUTOMATIC, ApprovalRule
from grodt.orders.terms import MARKET_AT_OPEN, OrderTerms
from grodt.sessions import Calendar
from grodt.settings.books import load_books
from grodt.settings.sources import FilesConfig, SimulatedConfig
from grodt.settings.universe import HistoryConfig, UniverseConfig
from grodt.signals.ewma_crossover import EwmaCrossover
from grodt.signals.ewma_trend import EwmaTrend
from grodt.signals.momentum import Momentum
from tests.settings.books_files import DEMO, REMOVED, US_DAILY, edited, load, mistake
from tests.signals.worlds import SHARED


def test_the_built_in_demo_book_loads():
    books = load_books(None)
    book = books.book("demo")
    assert (book.name, book.calendar, book.source) == ("demo", "XNYS", "demo")
    assert book.capital_micros == 10**12
    assert [(type(signal), weight) for signal, weight in book.weighted_signals()] == [(Momentum, 0.5), (EwmaCrossover, 0.5)]
    assert book.exchange == Calendar("XNYS")
    assert book.broker.terms().slippage_bps == 2
    assert isinstance(books.sources["demo"], SimulatedConfig)


def test_the_us_daily_example_loads():
    books = load_books(US_DAILY)
    book = books.book("us")
    assert book.universe.symbols == ("AAPL", "AMD", "CERN", "COST", "DELL", "GPS", "INTC", "MMM", "MSFT")
    source = books.sources["us-daily"]
    assert isinstance(source, FilesConfig)
    assert source.delistings[0].cash_per_share == Decimal("13.75")
    assert book.history.first_day(date(2014, 6, 10)) == date(2004, 1, 2)


def test_an_unknown_book_names_those_there_are():
    with pytest.raises(ConfigError, match=r"book 'x' is unknown; the books file describes demo"):
        load_books(None).book("x")


def test_the_gate_and_risk_share_the_completeness_of_the_limits(tmp_path):
    book = load(tmp_path, edited({"books.demo.limits.completeness": 0.6, "books.demo.quality": {"jump_sigmas": 8}})).book("demo")
    assert (book.quality.completeness, book.quality.jump_sigmas, book.quality.jump_floor) == (0.6, 8, 0.4)
    assert load_books(US_DAILY).book("us").quality.completeness == 0.75


def test_a_construction_may_be_written_with_every_parameter(tmp_path):
    written = {
        "volatility_target": None,
        "sizing": "equal_weight",
        "covariance": "ewma",
        "span": 20,
        "group_cap": {"*": 0.3, "Energy": 0.2},
        "trade_share": 0.5,
        "turnover_penalty": 0.001,
        "rebalance": "month",
    }
    changed = {f"books.demo.construction.{name}": value for name, value in written.items()}
    found = load(tmp_path, edited(changed)).book("demo").construction
    assert {name: getattr(found, name) for name in written} == written


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("sizing", "kelly", "books.demo.construction.sizing: Input should be 'inverse_volatility', 'equal_weight'"),
        ("rebalance", "weekly", "books.demo.construction.rebalance: Input should be 'session', 'week' or 'month'"),
        (
            "group_cap",
            {"*": 2},
            "books.demo.construction: construction: group_cap of '*' is 2.0; it must be a finite number > 0 and <= 0.9",
        ),
        ("group_cap", {"*": "0.2"}, "books.demo.construction.group_cap"),
        ("dollar_neutral", True, "books.demo.construction: construction: dollar_neutral is true and long_only too"),
        ("trade_share", True, "books.demo.construction: trade_share is True; it must be a number"),
        ("volatility_target", REMOVED, "books.demo.construction.volatility_target: missing"),
    ],
)
def test_a_mistake_in_a_construction_is_named(tmp_path, name, value, said):
    assert said in mistake(tmp_path, edited({f"books.demo.construction.{name}": value}))


def test_a_parameter_may_be_a_list_of_numbers(tmp_path):
    trend = {"signal": "ewma_trend", "weight": 1, "parameters": {"fast": [4, 8], "slow": [16, 32]}}
    (signal, _), *_ = load(tmp_path, edited({"books.demo.signals.0": trend})).book("demo").weighted_signals()
    assert signal == EwmaTrend(fast=(4, 8), slow=(16, 32))
    trend["parameters"]["slow"] = [16, "32"]
    assert "books.demo.signals.0.parameters.slow" in mistake(tmp_path, edited({"books.demo.signals.0": trend}))


def test_years_that_cannot_hold_what_a_signal_needs_are_refused(tmp_path):
    trend = {"signal": "ewma_trend", "weight": 1}
    short = {"books.demo.history.years": 1, "books.demo.signals.1": trend}
    said = "books.demo: history.years is 1, about 251 sessions of XNYS, and signal ewma_trend needs 513; ask for 3 years, or shorten"
    assert said in mistake(tmp_path, edited(short))
    assert load(tmp_path, edited(short | {"books.demo.history.years": 3})).book("demo").history.years == 3
    around_the_clock = short | {"books.demo.calendar": "24/7", "books.demo.history.years": 2}
    assert load(tmp_path, edited(around_the_clock)).book("demo").history.years == 2


def test_signals_may_be_named_so_that_one_kind_is_used_twice(tmp_path):
    slow = {"signal": "momentum", "weight": 1, "parameters": {"name": "slow", "lookback": 500, "cap": 1.5}}
    signals = load(tmp_path, edited({"books.demo.signals.1": slow})).book("demo").weighted_signals()
    assert [(signal.name, weight) for signal, weight in signals] == [("momentum", 0.5), ("slow", 1.0)]


@pytest.mark.parametrize(
    ("place", "value", "said"),
    [
        # keys
        ("sourses", {}, "sourses: unknown key"),
        ("books.demo.capitol", 5, "books.demo.capitol: unknown key"),
        ("books.demo.limits.leverage", 5, "books.demo.limits.leverage: unknown key"),
        ("books.demo.limits.overrides", {"AAPL": {"price": 1}}, "books.demo.limits.overrides.AAPL.price: unknown key"),
        ("books.demo.construction.leverage", 5, "books.demo.construction.leverage: unknown key"),
        ("books.demo.quality.jumps", 5, "books.demo.quality.jumps: unknown key"),
        ("books.demo.broker.fee", 5, "books.demo.broker.fee: unknown key"),
        ("sources.demo.sead", 5, "sources.demo.sead: unknown key"),
        ("books.demo.calendar", REMOVED, "books.demo.calendar: missing"),
        ("sources.demo.seed", REMOVED, "sources.demo.seed: missing"),
        ("books.demo.construction.weight_cap", REMOVED, "books.demo.construction.weight_cap: missing"),
        ("books.demo.schedule", REMOVED, "books.demo.schedule: missing"),
        ("books", REMOVED, "books: missing"),
        ("books", {}, "books: Dictionary should have at least 1 item"),
        ("sources", {}, "sources: Dictionary should have at least 1 item"),
        ("books.demo", None, "books.demo: Input should be a valid dictionary or instance of BookConfig (given: None)"),
        ("books.Demo Book", {}, "books.Demo Book: String should match pattern"),
        # names of other things
        ("books.demo.calendar", "XNYZ", "books.demo.calendar: calendar 'XNYZ' is unknown; use an exchange_calendars name such as XNYS"),
        ("books.demo.source", "dema", "books.demo.source is 'dema'; the file describes demo"),
        ("books.demo.name", "other", "books.demo.name is 'other'; a book's name is its key: remove the line"),
        ("sources.demo.kind", "simulatd", "sources.demo: Input tag 'simulatd' found using 'kind' does not match any of the expected tags"),
        ("sources.demo.kind", REMOVED, "sources.demo: Unable to extract tag using discriminator 'kind'"),
        ("books.demo.broker.kind", "tws", "books.demo.broker: Input tag 'tws' found using 'kind' does not match any of the expected tags"),
        # signals
        (
            "books.demo.signals.0.signal",
            "momentun",
            "books.demo.signals.0: signal 'momentun' is unknown; there are breakout, cross_sectional_momentum, ",
        ),
        (
            "books.demo.signals.0.parameters",
            {"look": 5},
            "books.demo.signals.0: signal momentum has no parameter look; it has lookback, skip, response, cap, name",
        ),
        (
            "books.demo.signals.0.parameters",
            {"lookback": 1},
            "books.demo.signals.0: momentum: lookback is 1; it must be a whole number from 2 to 2520",
        ),
        (
            "books.demo.signals.0.parameters",
            {"cap": "2"},
            "books.demo.signals.0: momentum: cap is '2'; it must be a finite number > 0 and <= 20",
        ),
        ("books.demo.signals.0.parameters", {"cap": True}, "books.demo.signals.0.parameters.cap"),
        ("books.demo.signals.1.signal", "momentum", "books.demo.signals: signals: momentum is configured 2 times; give each its own name"),
        ("books.demo.signals.0.weight", 0, "books.demo.signals.0.weight: Input should be greater than 0 (given: 0)"),
        ("books.demo.signals.0.weight", float("nan"), "books.demo.signals.0.weight: Input should be a finite number (given: nan)"),
        ("books.demo.signals.0.weight", True, "books.demo.signals.0.weight: Input should be a valid number (given: True)"),
        ("books.demo.signals.0.weight", "0.5", "books.demo.signals.0.weight: Input should be a valid number (given: '0.5')"),
        (
            "books.demo.signals.1.signal",
            "vwap_reversion",
            "books.demo.signals: signals: vwap_reversion reads bars of a session and this book is decided at its end",
        ),
        ("books.demo.signals", [], "books.demo: signals: none is given; name at least one with its weight"),
        # universe and history
        ("books.demo.universe", {}, "books.demo.universe: give either `symbols` (a list) or `listed` (a number)"),
        ("books.demo.universe.symbols", ["A"], "books.demo.universe: give either `symbols` (a list) or `listed` (a number)"),
        ("books.demo.universe", {"symbols": []}, "books.demo.universe: `symbols` must name at least one ticker, and each once"),
        ("books.demo.universe", {"symbols": ["A", "B", "A"]}, "and each once; A is repeated"),
        ("books.demo.universe", {"symbols": [True]}, "books.demo.universe.symbols.0: Input should be a valid string (given: True)"),
        ("books.demo.universe", {"symbols": "AAPL"}, "books.demo.universe.symbols: Input should be a valid tuple (given: 'AAPL')"),
        ("books.demo.universe.listed", 0, "books.demo.universe.listed: Input should be greater than or equal to 1 (given: 0)"),
        ("books.demo.universe.listed", 2.5, "books.demo.universe.listed: Input should be a valid integer"),
        ("books.demo.universe.listed", True, "books.demo.universe.listed: Input should be a valid integer (given: True)"),
        ("books.demo.history", {}, "books.demo.history: give either `start` (a date) or `years` (a number)"),
        ("books.demo.history.start", date(2020, 1, 2), "books.demo.history: give either `start` (a date) or `years` (a number)"),
        ("books.demo.history", {"start": 2020}, "books.demo.history.start: must be a date, such as 2014-06-10 (given: 2020)"),
        ("books.demo.history", {"start": "soon"}, "books.demo.history.start: must be a date, such as 2014-06-10 (given: 'soon')"),
        ("books.demo.history", {"start": date(1980, 1, 2)}, "history.start 1980-01-02 lies before 1990-01-02, the first session of XNYS"),
        ("sources.demo.opened", 5, "sources.demo.opened: must be a date, such as 2014-06-10 (given: 5)"),
        ("sources.demo.seed", -1, "sources.demo.seed: Input should be greater than or equal to 0 (given: -1)"),
        ("sources.demo.seed", True, "sources.demo.seed: Input should be a valid integer (given: True)"),
        # money
        ("books.demo.capital", float("nan"), "books.demo.capital: must be a finite number (given: nan)"),
        ("books.demo.capital", float("inf"), "books.demo.capital: must be a finite number (given: inf)"),
        ("books.demo.capital", -5, "books.demo.capital: Input should be greater than 0"),
        ("books.demo.capital", 0, "books.demo.capital: Input should be greater than 0"),
        ("books.demo.capital", "much", "books.demo.capital: must be a finite number (given: 'much')"),
        ("books.demo.capital", True, "books.demo.capital: must be a finite number (given: True)"),
        ("books.demo.capital", 1e40, "books.demo.capital: Input should be less than or equal to 1000000000000"),
        ("books.demo.capital", 0.1234567, "books.demo.capital: amount 0.1234567 has more than six decimals"),
        ("books.demo.broker.fill_at", "noon", "books.demo.broker.fill_at: Input should be 'open' or 'close' (given: 'noon')"),
        ("books.demo.broker.impact", -1, "books.demo.broker: impact is -1; it must be from 0 to 10"),
        ("books.demo.broker.impact", float("nan"), "books.demo.broker.impact: must be a finite number (given: nan)"),
        ("books.demo.broker.participation", 0, "books.demo.broker: participation is 0; it must be above 0 and at most 1"),
        ("books.demo.broker.participation", 10, "books.demo.broker: participation is 10; it must be above 0 and at most 1"),
        ("books.demo.broker.carry_sessions", 1.5, "books.demo.broker.carry_sessions: Input should be a valid integer"),
        ("books.demo.broker.carry_sessions", 100, "books.demo.broker: carry_sessions is 100; it must be from 0 to 60"),
        ("books.demo.broker.borrow_bps", -5, "books.demo.broker: borrow_bps is -5; it must be from 0 to 100000 basis points"),
        ("books.demo.broker.commission_per_share", -1, "books.demo.broker: commission_per_share is -1000000 micros; it must be from 0"),
        ("books.demo.broker.minimum_commission", 0.0000001, "books.demo.broker: amount 1E-7 has more than six decimals"),
        ("books.demo.broker.maximum_commission_bps", 0.00001, "maximum_commission_bps is 0.00001; give it at most four decimals"),
        ("books.demo.broker.slippage_bps", -1, "books.demo.broker.slippage_bps: Input should be greater than or equal to 0"),
        ("books.demo.broker.commission_bps", float("nan"), "books.demo.broker.commission_bps: must be a finite number (given: nan)"),
        # construction and quality
        ("books.demo.construction.volatility_target", True, "construction: volatility_target is True; it must be a number"),
        ("books.demo.construction.volatility_target", "0.1", "construction: volatility_target is '0.1'; it must be a number"),
        (
            "books.demo.construction.volatility_target",
            float("nan"),
            "construction: construction: volatility_target is nan; it must be a finite",
        ),
        ("books.demo.construction.weight_cap", 0, "weight_cap is 0.0; it must be a finite number > 0"),
        ("books.demo.construction.long_only", "yes", "books.demo.construction: long_only is 'yes'; it must be true or false"),
        ("books.demo.construction.long_only", 1, "books.demo.construction: long_only is 1; it must be true or false"),
        ("books.demo.quality", {"jump_sigmas": 0}, "books.demo.quality: quality threshold jump_sigmas is 0.0; it must be a finite number"),
        ("books.demo.quality", {"completeness": 0.9}, "books.demo.quality: completeness is a limit: write it as limits.completeness alone"),
        # schedule
        ("books.demo.schedule.cron", "whenever", "books.demo.schedule.cron: cron 'whenever' has 1 fields, not the 5 of minute, hour"),
        ("books.demo.schedule.cron", "61 17 * * *", "books.demo.schedule.cron: cron '61 17 * * *': minute '61' is not within 0 to 59"),
        ("books.demo.schedule.cron", 5, "books.demo.schedule.cron: Input should be a valid string (given: 5)"),
        ("books.demo.schedule.latest_start_minutes", 0, "latest_start_minutes: Input should be greater than or equal to 1 (given: 0)"),
    ],
)
def test_a_mistake_is_one_error_with_file_place_and_value(tmp_path, place, value, said):
    text = mistake(tmp_path, edited({place: value}))
    assert said in text


@pytest.mark.parametrize(
    "name",
    [
        *["order_quantity", "order_value", "price_age", "symbol_weight", "gross_exposure", "basket_value", "cash_buffer", "completeness"],
        *["volume_share", "collar", "symbol_position", "net_exposure", "turnover", "weights_sum", "volatility_low", "volatility_high"],
        *["return_high", "daily_loss", "drawdown", "armed_cycles", "new_cycles", "new_share", "cycle_messages", "rejects_in_a_row"],
        *["slippage", "slippages_in_a_row"],
    ],
)
@pytest.mark.parametrize("value", [REMOVED, None, 0, -1, float("nan"), float("inf"), float("-inf"), "much", "5", True, [5], 1e300])
def test_a_limit_that_is_missing_or_no_number_above_zero_is_refused(tmp_path, name, value):
    text = mistake(tmp_path, edited({f"books.demo.limits.{name}": value}))
    first, *rest = text.strip(":\n").splitlines()
    assert first.startswith("  books.demo.limits")
    assert name in first
    assert not rest
    assert "missing" in text if value is REMOVED else ("nan" if value != value else str(value).rstrip("0")[:4]) in text  # noqa: PLR0124


@pytest.mark.parametrize("name", ["group_weight", "restricted"])
@pytest.mark.parametrize("value", [REMOVED, None, 5, True, "much"])
def test_a_list_of_limits_that_is_not_stated_is_refused(tmp_path, name, value):
    text = mistake(tmp_path, edited({f"books.demo.limits.{name}": value}))
    assert text.strip(":\n").splitlines()[0].startswith("  books.demo.limits")
    assert name in text


def test_groups_and_restricted_symbols_are_read_as_they_stand(tmp_path):
    changed = {"books.demo.limits.group_weight": {"*": 1, "energy": 0.25}, "books.demo.limits.restricted": ["SIM0001"]}
    bound = load(tmp_path, edited(changed)).book("demo").limits
    assert (dict(bound.group_weight), bound.restricted) == ({"*": 1.0, "energy": 0.25}, ("SIM0001",))


def test_a_limit_of_one_symbol_is_bound_as_the_book_s_own(tmp_path):
    text = mistake(tmp_path, edited({"books.demo.limits.overrides": {"AAPL": {"order_value": 0}}}))
    assert "books.demo.limits" in text
    assert "limit order_value is 0.0" in text


def test_every_mistake_has_its_line(tmp_path):
    text = mistake(tmp_path, edited({"books.demo.capital": -1, "books.demo.schedule.cron": "x", "sources.demo.seed": -1}))
    assert [line.split(":")[0].strip() for line in text.strip(":\n").splitlines()] == [
        "sources.demo.seed",
        "books.demo.capital",
        "books.demo.schedule.cron",
    ]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", " must be a mapping with `sources` and `books`"),
        ("# nothing\n", " must be a mapping with `sources` and `books`"),
        ("just words", " must be a mapping with `sources` and `books`"),
        ("- a\n- b\n", " must be a mapping with `sources` and `books`"),
        (b"\x80\x81\xff\x00\x01", " cannot be read as UTF-8 text: 'utf-8' codec can't decode byte 0x80"),
        ("books: \x00", " is not valid YAML: unacceptable character #x0000"),
        ("sources: {a: 1\nbooks: 2", ", line 2 is not valid YAML: expected ',' or '}'"),
        ("a: 1\n---\nb: 2\n", ", line 2 is not valid YAML: but found another document"),
        ("a: !!python/object:os.system {}", ", line 1 is not valid YAML: could not determine a constructor for the tag"),
        ("a: 1\nb: 2\na: 3\n", ', line 3: found duplicate key "a" with value "3" (original value: "1"); each key once'),
        ("a: 2014-02-30\n", " is not valid YAML: day"),
        ("a: " + "[" * 600, " is not valid YAML: maximum recursion depth exceeded"),
    ],
)
def test_a_file_that_is_no_books_file_is_one_error_with_the_line(tmp_path, content, said):
    text = mistake(tmp_path, content)
    assert text.startswith(said), text
    assert len(text.splitlines()) == 1


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ConfigError, match=r"absent\.yaml cannot be read"):
        load_books(tmp_path / "absent.yaml")


def test_a_limit_repeated_in_a_book_is_refused_with_its_line(tmp_path):
    text = DEMO.replace("order_value: 150000", "order_value: 150000\n      order_value: 900000")
    assert 'found duplicate key "order_value" with value "900000"' in mistake(tmp_path, text)


def test_a_universe_is_the_first_so_many_or_the_named_ones_that_are_listed():
    listed = tuple(Instrument(symbol) for symbol in ("C", "A", "B"))
    assert UniverseConfig(listed=2).of(listed) == listed[:2]
    assert UniverseConfig(symbols=("A", "C", "Z")).of(listed) == listed[:2]


def test_a_ticker_that_a_simulated_exchange_never_had_is_refused():
    source = SimulatedSource("demo", 1, Calendar("XNYS"), 10, date(2020, 1, 2))
    UniverseConfig(listed=5).require_known(source)
    UniverseConfig(symbols=("SIM0001", "SIM9999")).require_known(source)
    with pytest.raises(ConfigError, match=r"universe\.symbols names SIM0000, AAPL, sim0001, which source 'demo' does not have; correct"):
        UniverseConfig(symbols=("SIM0001", "SIM0000", "AAPL", "sim0001")).require_known(source)


def test_a_ticker_that_the_files_do_not_have_is_refused_and_one_that_is_gone_is_known(tmp_path):
    (tmp_path / "bars.csv").write_text("symbol,session,open,high,low,close,volume\nA,2014-06-10,1,1,1,1,1\nB,2014-06-09,1,1,1,1,1\n")
    gone = {"symbol": "B", "session": "2014-06-10", "cash_per_share": 1}
    config = FilesConfig.model_validate({"kind": "files", "bars": {"path": "bars.csv"}, "delistings": [gone]})
    source = FilesSource("mine", config, tmp_path)
    assert [each.symbol for each in source.instruments(date(2014, 6, 10))] == ["A"]
    UniverseConfig(symbols=("A", "B")).require_known(source)
    with pytest.raises(ConfigError, match=r"names APPL, which source 'mine' does not have"):
        UniverseConfig(symbols=("A", "APPL")).require_known(source)


@pytest.mark.skipif(not (SHARED / "us-daily-2004-2014").is_dir(), reason="the shared data is not beside this checkout")
def test_the_us_daily_example_names_only_tickers_that_its_files_have():
    books = load_books(US_DAILY)
    config = books.sources["us-daily"]
    assert isinstance(config, FilesConfig)
    books.book("us").universe.require_known(FilesSource("us-daily", config, US_DAILY.parent))


@pytest.mark.parametrize(
    ("session", "first"),
    [(date(2026, 11, 20), date(2023, 11, 20)), (date(2024, 2, 29), date(2021, 2, 28)), (date(2023, 2, 28), date(2020, 2, 28))],
)
def test_history_of_years_begins_on_the_same_day(session, first):
    assert HistoryConfig(years=3).first_day(session) == first


@pytest.mark.parametrize(
    ("written", "people", "above"),
    [("automatic", 0, None), ("one", 1, None), ("two", 2, None), ({"above": 100000.5, "people": 2}, 2, 100_000_500_000)],
)
def test_a_book_says_who_lets_a_basket_go_out(tmp_path, written, people, above):
    assert load(tmp_path, edited({"books.demo.approval": written})).book("demo").approval.rule() == ApprovalRule(people, above)
    assert load_books(None).book("demo").approval.rule() == AUTOMATIC


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ("three", "write automatic, one, two, or {above: 100000, people: 1}"),
        (2, "write automatic, one, two, or"),
        (None, "write automatic, one, two, or"),
        ({"people": 1}, "the value of a basket in USD, and 1 or 2 people"),
        ({"above": 100}, "the value of a basket in USD, and 1 or 2 people"),
        ({"above": 100, "people": 0}, "1 or 2 people"),
        ({"above": 100, "people": True}, "people: Input should be a valid integer"),
        ({"above": 0, "people": 1}, "above must be more than 0; write one or two where every basket needs people"),
        ({"above": "many", "people": 1}, "above: must be a finite number (given: 'many')"),
        ({"above": 1, "people": 1, "who": "ann"}, "who: unknown key"),
        ({"above": 0.0000001, "people": 1}, "amount 1E-7 has more than six decimals"),
    ],
)
def test_a_rule_of_approval_that_makes_no_sense_is_named(tmp_path, written, said):
    error = mistake(tmp_path, edited({"books.demo.approval": written}))
    assert "books.demo.approval" in error
    assert said in error


def test_the_config_hash_is_stable(tmp_path):
    books = load(tmp_path, edited({}))
    assert books.config_hash("demo") == load_books(None).config_hash("demo")
    assert len(books.config_hash("demo")) == 64
    same = {
        "books.demo.capital": 1000000.0,
        "books.demo.limits.order_value": 150000.0,
        "books.demo.broker.slippage_bps": 2.0,
        "books.demo.construction.gross_cap": 0.9,
    }
    assert load(tmp_path, edited(same)).config_hash("demo") == books.config_hash("demo")


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("books.demo.schedule.cron", "0 18 * * 1-5"),
        ("books.demo.schedule.latest_start_minutes", 5),
        ("books.demo.approval", "two"),
        ("sources.other", {"kind": "simulated", "seed": 1, "opened": date(2010, 1, 4)}),
        # limits stand in the ledger: a change of one is recorded there, and makes no new strategy
        ("books.demo.limits.order_value", 150001),
        ("books.demo.limits.overrides", {"SIM0001": {"order_value": 5}}),
        ("books.demo.limits.completeness", 0.5),
    ],
)
def test_the_config_hash_does_not_change_with_what_decides_nothing(tmp_path, place, value):
    assert load(tmp_path, edited({place: value})).config_hash("demo") == load_books(None).config_hash("demo")


@pytest.mark.parametrize(
    ("place", "value"),
    [
        ("sources.demo.seed", 1),
        ("sources.demo.opened", date(2011, 1, 4)),
        ("books.demo.calendar", "XLON"),
        ("books.demo.universe.listed", 49),
        ("books.demo.history.years", 4),
        ("books.demo.capital", 1000001),
        ("books.demo.broker.slippage_bps", 3),
        ("books.demo.signals.0.weight", 0.4),
        ("books.demo.signals.0.parameters", {"skip": 20}),
        ("books.demo.construction.no_trade_band", 0.003),
        ("books.demo.quality", {"jump_sigmas": 9}),
    ],
)
def test_the_config_hash_changes_with_what_decides(tmp_path, place, value):
    assert load(tmp_path, edited({place: value})).config_hash("demo") != load_books(None).config_hash("demo")


def test_relative_paths_are_kept_as_written_so_that_the_hash_is_the_same_in_every_folder(tmp_path: Path):
    (tmp_path / "a").mkdir()
    text = US_DAILY.read_text()
    assert load(tmp_path / "a", text).config_hash("us") == load_books(US_DAILY).config_hash("us")


def test_what_stands_under_an_unknown_key_is_not_repeated(tmp_path: Path) -> None:
    text = US_DAILY.read_text().replace("    kind: files", "    kind: files\n    api_secret: hunter2", 1)
    path = tmp_path / "books.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match="api_secret: unknown key") as caught:
        load_books(path)
    assert "hunter2" not in str(caught.value)


def test_the_terms_of_a_paper_broker_are_exact(tmp_path):
    broker = {
        "kind": "paper",
        "fill_at": "close",
        "slippage_bps": 2.5,
        "impact": 0.7,
        "commission_bps": 0,
        "commission_per_share": 0.0035,
        "minimum_commission": 0.35,
        "maximum_commission_bps": 100,
        "participation": 0.05,
        "carry_sessions": 3,
        "borrow_bps": 50,
    }
    assert load(tmp_path, edited({"books.demo.broker": broker})).book("demo").broker.terms() == FillTerms(
        slippage_bps=Decimal("2.5"),
        commission_bps=Decimal(0),
        minimum_commission=micros("0.35"),
        commission_per_share=micros("0.0035"),
        maximum_commission_bps=Decimal(100),
        fill_at="close",
        impact=Decimal("0.7"),
        participation=Decimal("0.05"),
        carry_sessions=3,
        borrow_bps=Decimal(50),
    )


def test_a_term_that_is_written_out_at_its_default_changes_no_hash(tmp_path):
    written = {"fill_at": "open", "impact": 0, "participation": None, "carry_sessions": 0, "borrow_bps": 0.0}
    plain, same, other = (
        load(tmp_path, edited({f"books.demo.broker.{name}": value for name, value in terms.items()})).config_hash("demo")
        for terms in ({}, written, written | {"impact": 0.1})
    )
    assert plain == same != other


def test_what_a_book_s_orders_are(tmp_path):
    plain = load_books(None)
    assert plain.book("demo").order == MARKET_AT_OPEN
    books = load(tmp_path, edited({"books.demo.order": {"type": "limit", "offset_bps": 20.5, "tif": "day"}}))
    assert books.book("demo").order == OrderTerms("limit", Decimal("20.5"), "day")
    assert books.config_hash("demo") != plain.config_hash("demo")
    said = load(tmp_path, edited({"books.demo.order": {"type": "market", "tif": "opg"}}))
    assert said.config_hash("demo") == plain.config_hash("demo")
    plain.book("demo").require_market_orders()
    with pytest.raises(ConfigError, match="book 'demo' sends limit day orders, and replays know market orders for the open alone"):
        books.book("demo").require_market_orders()


@pytest.mark.parametrize(
    ("written", "said"),
    [
        ({"type": "stop", "offset_bps": 20}, "order.tif is 'opg'; of a stop order of a book it must be day, gtc"),
        ({"type": "limit"}, "they need it"),
        ({"type": "limit", "offset_bps": True, "tif": "day"}, "offset_bps"),
        ({"type": "market", "price": 1}, "price"),
        ({"type": "iceberg"}, "iceberg"),
    ],
)
def test_an_order_section_that_makes_no_sense_is_named(tmp_path, written, said):
    assert said in mistake(tmp_path, edited({"books.demo.order": written}))


CRYPTO = {"kind": "ccxt", "venue": "kraken", "quote": "USD", "slippage_bps": 10, "commission_bps": 40}


def test_a_book_at_a_crypto_venue(tmp_path):
    changes = {"books.demo.broker": CRYPTO, "books.demo.calendar": "24/7"}
    broker = load(tmp_path, edited(changes)).book("demo").broker
    assert (broker.account, broker.key_name) == ("sandbox", "kraken")
    limits = {"books.demo.order": {"type": "limit", "offset_bps": 20, "tif": "gtc"}}
    assert load(tmp_path, edited(changes | limits)).book("demo").order.type == "limit"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"books.demo.calendar": "XNYS"}, "a crypto venue never closes; use 24/7"),
        ({"books.demo.order": {"type": "market", "tif": "cls"}}, "order is market cls; a crypto venue has no auctions"),
        ({"books.demo.construction.long_only": False}, "what is not held cannot be sold"),
        ({"books.demo.broker.fill_at": "close"}, "fill_at must be open"),
        ({"books.demo.broker.account": "paper"}, "account"),
        ({"books.demo.broker.venue": "bybit"}, "books.demo.broker: venue 'bybit': how its lists are read whole is not stated"),
    ],
)
def test_a_book_that_does_not_suit_a_crypto_venue_is_named(tmp_path, changes, said):
    assert said in mistake(tmp_path, edited({"books.demo.broker": dict(CRYPTO), "books.demo.calendar": "24/7"} | changes))
