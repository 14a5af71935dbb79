"""An `alpaca` broker in a books file."""

from pathlib import Path

import pytest
from ruamel.yaml import YAML

from grodt.settings.books import load_books
from grodt.settings.brokers import AlpacaBrokerConfig
from tests.settings.books_files import DEMO, edited, load, mistake

CRON = "5 19 * * 1-5"


def _account(**changes: object) -> dict[str, object]:
    return {"kind": "alpaca", "slippage_bps": 2, "commission_bps": 0, **changes}


def _ours(**changes: object) -> dict[str, object]:
    """The demo book at Alpaca; what `edited` is told."""
    return {"books.demo.schedule.cron": CRON, "books.demo.broker": _account(**changes)}


def _broker(folder: Path, **changes: object) -> AlpacaBrokerConfig:
    broker = load(folder, edited(_ours(**changes))).book("demo").broker
    assert isinstance(broker, AlpacaBrokerConfig)
    return broker


def test_it_is_the_paper_account_of_the_usual_key_unless_the_file_says_otherwise(tmp_path: Path) -> None:
    plain = _broker(tmp_path)
    assert (plain.account, plain.url) == ("paper", "https://paper-api.alpaca.markets")
    assert str(plain.variables) == "APCA_API_KEY_ID and APCA_API_SECRET_KEY"
    live = _broker(tmp_path, account="live", key="second-desk")
    assert live.url == "https://api.alpaca.markets"
    assert str(live.variables) == "SECOND_DESK_API_KEY and SECOND_DESK_API_SECRET"
    assert _broker(tmp_path, trading_url="http://127.0.0.1:8000").url == "http://127.0.0.1:8000"


def test_its_costs_are_those_that_replays_assume(tmp_path: Path) -> None:
    assert _broker(tmp_path, impact=1).terms().impact == 1


def test_a_key_by_another_name_decides_no_order_and_another_account_may(tmp_path: Path) -> None:
    plain = load(tmp_path, edited(_ours())).config_hash("demo")
    assert load(tmp_path, edited(_ours(key="other"))).config_hash("demo") == plain
    assert load(tmp_path, edited(_ours(account="live"))).config_hash("demo") != plain
    assert load_books(None).config_hash("demo") != plain


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"books.demo.broker.account": "real"}, "books.demo.broker.account: Input should be 'paper' or 'live' (given: 'real')"),
        ({"books.demo.broker.trading_url": "https://api.alpaca.markets"}, "host of live accounts; write account: live"),
        (
            {"books.demo.broker.account": "live", "books.demo.broker.trading_url": "https://paper-api.alpaca.markets"},
            "host of paper accounts; write account: paper",
        ),
        ({"books.demo.broker.trading_url": "http://api.alpaca.markets"}, "books.demo.broker.trading_url: must be the https URL"),
        ({"books.demo.broker.secret": "s"}, "books.demo.broker.secret: unknown key"),
        ({"books.demo.broker.fill_at": "close"}, "books.demo.broker: orders go to Alpaca for the next open and not beyond"),
        ({"books.demo.broker.carry_sessions": 1}, "books.demo.broker: orders go to Alpaca for the next open and not beyond"),
        (
            {"books.demo.schedule.cron": "30 17 * * 1-5"},
            "schedule.cron starts a cycle at 17:30, and Alpaca takes no order for the next open",
        ),
        ({"books.demo.schedule.cron": "*/30 9,20 * * 1-5"}, "schedule.cron starts a cycle at 09:30"),
        ({"books.demo.calendar": "24/7"}, "calendar 24/7 is not one of New York"),
        (
            {"books.demo.order": {"bracket": {"stop_bps": 500}}, "books.demo.construction.long_only": False},
            "order.bracket: a stop that rests at Alpaca through a reverse split would buy back more than was sold short",
        ),
        (
            {"sources.demo": {"kind": "yahoo", "symbols": ["AAPL"]}},
            "books.demo.source: 'demo' of kind yahoo tells no splits before their day, and orders (opg) that wait at a broker of kind",
        ),
        (
            {"books.demo.order": {"bracket": {"stop_bps": 500}}, "sources.demo": {"kind": "yahoo", "symbols": ["AAPL"]}},
            "and orders (gtc, opg) that wait at a broker of kind alpaca",
        ),
    ],
)
def test_a_mistake_is_one_line(tmp_path: Path, changes: dict[str, object], said: str) -> None:
    assert said in mistake(tmp_path, edited(_ours() | changes))


def test_two_books_do_not_share_an_account(tmp_path: Path) -> None:
    said = "books demo and twin trade one account, whose positions cannot be told apart, of Alpaca (key alpaca)"
    assert said in mistake(tmp_path, edited(_ours() | {"books.twin": _twin()}))
    assert set(load(tmp_path, edited(_ours() | {"books.twin": _twin(key="twin")})).books) == {"demo", "twin"}


def _twin(**changes: object) -> dict[str, object]:
    """The demo book as it is written, at Alpaca."""
    demo = YAML(typ="safe", pure=True).load(DEMO)["books"]["demo"]
    return demo | {"broker": _account(**changes), "schedule": {"cron": CRON, "latest_start_minutes": 60}}
