"""An `ib` broker in a books file."""

from pathlib import Path

import pytest

from grodt.settings.brokers import IbBrokerConfig
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
