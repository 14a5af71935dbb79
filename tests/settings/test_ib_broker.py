"""An `ib` broker in a books file."""

from pathlib import Path
from typing import Any

import pytest

from grodt.bars.alpaca import AlpacaSource
from grodt.bars.ccxt import CcxtSource
from grodt.bars.files import FilesSource
from grodt.bars.simulated import SimulatedSource
from grodt.bars.yahoo import YahooSource
from grodt.brokers.alpaca import AlpacaBroker
from grodt.brokers.ccxt import CcxtBroker
from grodt.brokers.ib import IbBroker
from grodt.brokers.paper import PaperBroker
from grodt.settings.brokers import AlpacaBrokerConfig, CcxtBrokerConfig, IbBrokerConfig, PaperConfig
from grodt.settings.sources import AlpacaConfig, CcxtConfig, FilesConfig, SimulatedConfig, YahooConfig
from tests.settings.books_files import edited, load, mistake


def _told(**changes: object) -> str:
    broker = {"kind": "ib", "account": "DU1234567", "slippage_bps": 2, "commission_bps": 0, **changes}
    return edited({"books.demo.broker": broker})


def test_it_is_a_paper_account_behind_tws_on_this_machine_unless_the_file_says_otherwise(tmp_path: Path) -> None:
    plain = load(tmp_path, _told()).book("demo").broker
    assert isinstance(plain, IbBrokerConfig)
    assert (plain.host, plain.port, plain.client_id, plain.live) == ("127.0.0.1", 7497, 17, False)
    live = load(tmp_path, _told(account="U7654321", live=True, port=4001)).book("demo").broker
    assert isinstance(live, IbBrokerConfig)
    assert live.live


def test_where_the_gateway_listens_decides_no_order_and_the_account_may(tmp_path: Path) -> None:
    plain = load(tmp_path, _told()).config_hash("demo")
    assert load(tmp_path, _told(port=4002, client_id=3)).config_hash("demo") == plain
    assert load(tmp_path, _told(account="DU1")).config_hash("demo") != plain


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"account": "U7654321"}, "account U7654321 is an account of real money and live is false"),
        ({"live": True}, "account DU1234567 is a paper account and live is true"),
        ({"account": 5}, "books.demo.broker.account: Input should be a valid string"),
        ({"port": 0}, "books.demo.broker.port: Input should be greater than or equal to 1"),
        ({"carry_sessions": 2}, "orders are sent for the next open and not beyond"),
        ({"secret": "s"}, "books.demo.broker.secret: unknown key"),
    ],
)
def test_a_mistake_is_one_line(tmp_path: Path, changes: dict[str, object], said: str) -> None:
    assert said in mistake(tmp_path, _told(**changes))


def test_orders_for_one_session_need_a_source_that_tells_splits_ahead_and_those_till_cancelled_do_not(tmp_path: Path) -> None:
    broker = {"kind": "ib", "account": "DU1234567", "slippage_bps": 2, "commission_bps": 0}
    changes: dict[str, object] = {"books.demo.broker": broker, "sources.demo": {"kind": "yahoo", "symbols": ["AAPL"]}}
    changes |= {"books.demo.universe": {"symbols": ["AAPL"]}}
    said = "books.demo.source: 'demo' of kind yahoo tells no splits before their day, and orders (opg) that wait at a broker of kind ib"
    assert said in mistake(tmp_path, edited(changes))
    rests = {"books.demo.order": {"type": "limit", "offset_bps": 20, "tif": "gtc"}}
    assert load(tmp_path, edited(changes | rests)).book("demo").orders_kept == frozenset()


def test_what_the_settings_say_of_sources_and_brokers_is_what_these_are() -> None:
    sources: list[tuple[Any, type]] = [
        (AlpacaConfig, AlpacaSource),
        (CcxtConfig, CcxtSource),
        (FilesConfig, FilesSource),
        (SimulatedConfig, SimulatedSource),
        (YahooConfig, YahooSource),
    ]
    assert [config.tells_ahead for config, _ in sources] == [hasattr(made, "actions_ahead") for _, made in sources]
    brokers: list[tuple[Any, type]] = [
        (AlpacaBrokerConfig, AlpacaBroker),
        (CcxtBrokerConfig, CcxtBroker),
        (IbBrokerConfig, IbBroker),
        (PaperConfig, PaperBroker),
    ]
    assert [config.keeps_orders for config, _ in brokers] == [getattr(made, "keeps_orders", frozenset()) for _, made in brokers]
