"""Parameters of a book of the books file, varied."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path

import pytest

from grodt.errors import ConfigError
from grodt.research.grid import Axis, combinations
from grodt.risk.limits import SymbolLimits
from grodt.settings.book import BookConfig
from grodt.settings.books import load_books
from grodt.settings.varied import parse_vary, varied
from tests.risk.proposals import limits
from tests.settings.books_files import DEMO, edited


def _vary(*texts: str, file: Path | None = None, name: str = "demo") -> tuple[BookConfig, ...]:
    axes = [parse_vary(text) for text in texts]
    return varied(file, name, axes, combinations(axes))


def test_a_path_names_a_parameter_where_the_books_file_has_it() -> None:
    (one,) = _vary(
        "signals.momentum.lookback=126",
        "signals.ewma_crossover.weight=0.25",
        "construction.no_trade_band=0.005",
        "construction.volatility_target=null",
        "construction.group_cap.Energy=0.2",
        "construction.long_only=false",
        "broker.slippage_bps=2.5",
        "broker.fill_at=close",
        "limits.daily_loss=0.2",
        "limits.group_weight.*=0.3",
        "capital=500000",
    )
    (momentum, share), (crossover, other) = one.weighted_signals()
    assert (momentum.history, share, other) == (127, 0.5, 0.25)
    assert crossover == load_books(None).book("demo").weighted_signals()[1][0]
    made = one.construction
    assert (made.no_trade_band, made.volatility_target, made.group_cap, made.long_only) == (0.005, None, {"Energy": 0.2}, False)
    assert (one.broker.slippage_bps, one.broker.fill_at, one.capital) == (Decimal("2.5"), "close", Decimal(500000))
    assert (one.limits.daily_loss, one.limits.group_weight) == (0.2, {"*": 0.3})


def test_there_is_a_book_for_each_combination_and_nothing_else_differs() -> None:
    plain = load_books(None).book("demo")
    found = _vary("signals.momentum.skip=0,21", "limits.symbol_weight=0.1,0.2")
    assert [(each.signals[0].parameters["skip"], each.limits.symbol_weight) for each in found] == [(0, 0.1), (0, 0.2), (21, 0.1), (21, 0.2)]
    for each in found:
        assert each.model_copy(update={"signals": plain.signals, "limits": plain.limits}) == plain


def test_a_parameter_may_be_written_as_it_stands_in_the_file(tmp_path: Path) -> None:
    (one,) = _vary("signals.momentum.parameters.lookback=100")
    assert one.signals[0].parameters == {"lookback": 100}
    with pytest.raises(ConfigError, match=r"signals.momentum.lookback and signals.momentum.parameters.lookback are one parameter"):
        _vary("signals.momentum.parameters.lookback=100", "signals.momentum.lookback=200")


def test_signals_go_by_the_name_the_book_gives_them(tmp_path: Path) -> None:
    file = tmp_path / "books.yaml"
    signals = [
        {"signal": "momentum", "weight": 1, "parameters": {"name": "slow"}},
        {"signal": "momentum", "weight": 1, "parameters": {"name": "slow.er", "lookback": 400}},
    ]
    file.write_text(edited({"books.demo.signals": signals}))
    (one,) = _vary("signals.slow.lookback=300", "signals.slow.er.lookback=500", file=file)
    assert [each.parameters["lookback"] for each in one.signals] == [300, 500]


def test_what_an_alias_shares_is_not_shared_by_what_is_varied(tmp_path: Path) -> None:
    file = tmp_path / "books.yaml"
    plain = "      - {signal: momentum, weight: 0.5}\n      - {signal: ewma_crossover, weight: 0.5}\n"
    assert plain in DEMO
    own = (
        "      - {signal: momentum, weight: 0.5, parameters: &caps {cap: 3}}\n"
        "      - {signal: ewma_crossover, weight: 0.5, parameters: *caps}\n"
    )
    file.write_text(DEMO.replace(plain, own))
    (one,) = _vary("signals.momentum.cap=1.5", file=file)
    assert [each.parameters["cap"] for each in one.signals] == [1.5, 3]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("universe.listed=10,20", r"--vary universe.listed: it is no parameter that can be varied; there are signals.<signal>.<parameter>"),
        ("construction.band=1", r"--vary construction.band: construction has no parameter 'band'; it has volatility_target, weight_cap"),
        ("construction=1", r"--vary construction: construction has no parameter ''"),
        ("construction.history.x=1", r"--vary construction.history.x: construction.history has no parts; write construction.history=…"),
        ("limits.restricted=A", r"limits has no parameter 'restricted'"),
        ("limits.group_weight=1", r"it is a mapping; name one of its entries, such as limits.group_weight.\*"),
        ("broker.kind=paper", r"broker has no parameter 'kind'; it has fill_at, slippage_bps"),
        ("signals.reversal.lookback=1", r"has no such signal; it has momentum, ewma_crossover: write signals.momentum.<parameter>"),
        ("signals.momentum.look=1", r"signal momentum has no parameter 'look'; it has weight, lookback, skip"),
        ("signals.momentum.name=a", r"signal momentum has no parameter 'name'"),
        ("regime.scope=symbol", r"book demo of the built-in demo book has no `regime` section; write `regime: \{\}`"),
        (
            "signals.momentum.lookback=126,x",
            r"1 of 2 combinations are not valid; the first is signals.momentum.lookback=x:\n.*lookback is 'x'",
        ),
        ("signals.momentum.lookback=true", r"--vary: signals.momentum.lookback=true:\n  signals.0.parameters.lookback"),
        ("construction.no_trade_band=0,0.5", r"construction.no_trade_band=0.5:\n  construction: .*no_trade_band is 0.5; it must be"),
        ("broker.slippage_bps=-1", r"broker.slippage_bps=-1:\n  broker.slippage_bps: .*greater than or equal to 0"),
        ("limits.daily_loss=1.5", r"limit daily_loss is 1.5; it must be a finite number above 0 and below 1"),
    ],
)
def test_a_path_or_a_value_that_is_wrong_is_one_error(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        _vary(text)


def test_a_combination_may_be_wrong_where_each_value_is_right() -> None:
    with pytest.raises(
        ConfigError, match=r"1 of 4 combinations are not valid; the first is signals.momentum.lookback=50, signals.momentum.skip=60"
    ):
        _vary("signals.momentum.lookback=50,252", "signals.momentum.skip=21,60")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("signals.momentum.lookback", r"write it as parameter=value,value"),
        ("=1,2", r"write it as parameter=value,value"),
        ("a.b=", r"--vary a.b: there is no value"),
        ("a.b=[1,2],3", r"--vary a.b: \[1, 2\] is no number, word, true, false or null"),
        ("a.b=2020-01-01", r"--vary a.b: 2020-01-01 is no number"),
        ("a.b=]1", r"--vary a.b: '\]1' is no list of values"),
        ("a.b=.nan", r"nan is no finite number"),
    ],
)
def test_values_are_read_as_the_books_file_would_read_them(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        parse_vary(text)
    assert parse_vary(" a.b = 1, 2.5,true, null ,month").values == (1, 2.5, True, None, "month")


def test_a_wrong_books_file_is_told_first(tmp_path: Path) -> None:
    file = tmp_path / "books.yaml"
    file.write_text(edited({"books.demo.capital": -1}))
    with pytest.raises(ConfigError, match=r"books.yaml:\n  books.demo.capital"):
        _vary("capital=1", file=file)
    with pytest.raises(ConfigError, match="book 'other' is unknown"):
        _vary("capital=1", name="other")


def test_limits_that_are_given_stand_in_place_of_the_file_s_and_are_varied_from_there() -> None:
    in_force = limits(
        order_value=77.0, symbol_weight=0.5, group_weight={"tech": 0.3}, overrides={"SIM0001": SymbolLimits(order_quantity=5)}
    )
    axes = (Axis("limits.symbol_weight", (0.2, 0.4)),)
    found = varied(None, "demo", axes, combinations(axes), limits=in_force)
    assert [each.limits for each in found] == [replace(in_force, symbol_weight=weight) for weight in (0.2, 0.4)]
    (plain,) = varied(None, "demo", (Axis("capital", (5,)),), combinations((Axis("capital", (5,)),)))
    assert plain.limits == load_books(None).book("demo").limits
