"""docs/brokers.md: its lines load, its table of states is the adapter's."""

import re
from pathlib import Path

from ruamel.yaml import YAML

from grodt.brokers.alpaca_payloads import KNOWN_STATUSES
from grodt.settings.brokers import AlpacaBrokerConfig, IbBrokerConfig
from tests.settings.books_files import edited, load

PAGE = (Path(__file__).resolve().parents[2] / "docs/brokers.md").read_text()


def test_the_books_file_s_lines_load(tmp_path: Path) -> None:
    alpaca, ib = (YAML(typ="safe", pure=True).load(text) for text in re.findall(r"^```yaml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL))
    book = load(tmp_path, edited({"books.demo.broker": alpaca["broker"], "books.demo.schedule": alpaca["schedule"]})).book("demo")
    assert book.broker == AlpacaBrokerConfig(kind="alpaca", slippage_bps=2, commission_bps=0)
    book = load(tmp_path, edited({"books.demo.broker": ib["broker"]})).book("demo")
    assert book.broker == IbBrokerConfig(kind="ib", account="DU1234567", slippage_bps=2, commission_bps=0.5)


def test_the_table_of_states_has_each_that_is_known() -> None:
    table = PAGE[PAGE.index("| Alpaca's status") : PAGE.index("## Where the account")]
    told = {status for line in table.splitlines()[2:] if line.startswith("|") for status in re.findall(r"`(\w+)`", line.split("|")[1])}
    assert told == set(KNOWN_STATUSES)
