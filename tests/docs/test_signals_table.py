"""The table of daily signals says what the classes say."""

import re
from dataclasses import fields
from pathlib import Path

import pytest
from ruamel.yaml import YAML

from grodt.signals.cross_sectional_momentum import CrossSectionalMomentum
from grodt.signals.ewma_trend import EwmaTrend
from grodt.signals.registry import BUILT_IN
from tests.settings.books_files import edited, load
from tests.signals.daily import DAILY

TEXT = (Path(__file__).resolve().parents[2] / "docs/signals.md").read_text("utf-8")


def _row(name: str) -> list[str]:
    (line,) = re.findall(rf"^\| `{name}` \|.*$", TEXT, flags=re.MULTILINE)
    return [cell.strip() for cell in line.strip("|").split("|")]


@pytest.mark.parametrize("name", DAILY)
def test_every_parameter_of_a_daily_signal_is_in_the_table_with_its_default(name: str) -> None:
    told = _row(name)[2]
    for field in fields(BUILT_IN[name]):  # type: ignore[arg-type]  # each is a dataclass
        if field.name in ("name", "cap"):
            continue
        assert f"`{field.name}`" in told, field.name
        default = f"{field.default:g}" if isinstance(field.default, float) else field.default
        shown = (
            f"`{default}`"
            if isinstance(default, str) and default.isalpha()
            else str(list(default) if isinstance(default, tuple) else default)
        )
        said = re.search(rf"`{field.name}` ?({re.escape(shown)})?", told)
        shared = field.name in ("select", "side") and name != "cross_sectional_momentum"  # said once, in the first row that has it
        assert said is not None
        assert said[1] is not None or shared, (field.name, shown)


def test_the_table_of_daily_signals_has_no_other() -> None:
    daily = TEXT.split("## Daily")[1].split("\n## ")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", daily, flags=re.MULTILINE)) == set(DAILY)


def test_the_lines_of_a_books_file_load(tmp_path: Path) -> None:
    (block,) = [block for block in re.findall(r"^```yaml\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL) if "winners" in block]
    signals = YAML(typ="safe", pure=True).load(block)["signals"]
    book = load(tmp_path, edited({"books.demo.signals": signals})).book("demo")
    built = [signal for signal, _ in book.weighted_signals()]
    assert built[1] == EwmaTrend(fast=(8, 16), slow=(32, 64))
    assert built[2] == CrossSectionalMomentum(name="winners", select=0.1, side="long")
