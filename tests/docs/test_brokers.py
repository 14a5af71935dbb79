"""docs/brokers.md: its lines load, its table of states is the adapter's."""

import re
from decimal import Decimal
from pathlib import Path

from ruamel.yaml import YAML

from grodt.brokers.alpaca_payloads import KNOWN_STATUSES
from grodt.orders.brackets import BracketTerms
from grodt.orders.terms import OrderTerms
from grodt.settings.brokers import AlpacaBrokerConfig, CcxtBrokerConfig, IbBrokerConfig
from tests.settings.books_files import edited, load

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGE, PAGE_ON_ORDERS = (DOCS / "brokers.md").read_text(), (DOCS / "orders.md").read_text()


def test_the_books_file_s_lines_load(tmp_path: Path) -> None:
    written = re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    alpaca, ib, crypto = (YAML(typ="safe", pure=True).load(text) for text in written)
    book = load(tmp_path, edited({"books.demo.broker": alpaca["broker"], "books.demo.schedule": alpaca["schedule"]})).book("demo")
    assert book.broker == AlpacaBrokerConfig(kind="alpaca", slippage_bps=2, commission_bps=0)
    book = load(tmp_path, edited({"books.demo.broker": ib["broker"]})).book("demo")
    assert book.broker == IbBrokerConfig(kind="ib", account="DU1234567", slippage_bps=2, commission_bps=0.5)
    book = load(tmp_path, edited({f"books.demo.{name}": said for name, said in crypto.items()})).book("demo")
    terms = {"slippage_bps": 10, "commission_bps": 40}
    assert book.broker == CcxtBrokerConfig(kind="ccxt", venue="kraken", quote="USD", account="live", key="kraken", **terms)
    assert (book.calendar, book.order) == ("24/7", OrderTerms("limit", Decimal(50), "gtc"))


def test_the_order_section_of_the_page_on_orders_loads(tmp_path: Path) -> None:
    texts = re.findall(r"^```yaml\n(.*?)^```$", PAGE_ON_ORDERS, re.MULTILINE | re.DOTALL)
    limit, bracket = (YAML(typ="safe", pure=True).load(text)["books"]["us"]["order"] for text in texts)
    assert load(tmp_path, edited({"books.demo.order": limit})).book("demo").order == OrderTerms("limit", Decimal(20), "day")
    terms = OrderTerms(bracket=BracketTerms(Decimal(500), Decimal(1000), 5))
    assert load(tmp_path, edited({"books.demo.order": bracket})).book("demo").order == terms


def test_the_table_of_states_has_each_that_is_known() -> None:
    table = PAGE[PAGE.index("| Alpaca's status") : PAGE.index("## Where the account")]
    told = {status for line in table.splitlines()[2:] if line.startswith("|") for status in re.findall(r"`(\w+)`", line.split("|")[1])}
    assert told == set(KNOWN_STATUSES)
