"""Charts: where things lie, and what is not drawn."""

import math
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from grodt.replay.charts import Line, bar_chart, line_chart, nice_ticks
from tests.replay.courses import days


def points(svg: str) -> list[tuple[float, float]]:
    found = re.search(r'<polyline class="line s0" points="([^"]+)"', svg)
    assert found is not None
    return [(float(x), float(y)) for x, y in (pair.split(",") for pair in found[1].split())]


def ticks(svg: str) -> list[str]:
    return [text for text in re.findall(r'text-anchor="end">([^<]+)</text>', svg) if not text.startswith("2020-")]


def chart(values: list[float], **more: object) -> str:
    return line_chart(days(len(values)), [Line("x", np.array(values))], str, label="a <chart>", **more)  # type: ignore[arg-type]


def test_a_higher_value_lies_higher_and_a_later_one_further_right() -> None:
    (x0, y0), (x1, y1), (x2, y2) = points(chart([1.0, 3.0, 2.0]))
    assert x0 < x1 < x2
    assert y1 < y2 < y0
    assert y2 == pytest.approx((y0 + y1) / 2)


def test_a_gap_breaks_the_line_and_a_single_value_is_a_dot() -> None:
    svg = chart([1.0, 2.0, math.nan, 3.0, math.nan, 2.0, 1.0])
    assert svg.count("<polyline") == 2
    assert svg.count("<circle") == 1


def test_a_long_line_is_thinned_and_keeps_its_extremes() -> None:
    values = np.sin(np.arange(20_000) / 900)
    values[7_777], values[12_345] = 5.0, -5.0
    plain = points(line_chart(np.arange(20_000).astype("datetime64[D]"), [Line("x", values)], str, label="x", height=220))
    assert len(plain) <= 4 * 440
    assert min(y for _, y in plain) == 10.0
    assert max(y for _, y in plain) == 198.0


def test_values_that_span_much_have_a_logarithmic_axis_where_asked() -> None:
    values = [1.0, 10.0, 100.0]
    (_, low), (_, middle), (_, high) = points(chart(values, log=True))
    assert middle == pytest.approx((low + high) / 2, abs=0.1)
    assert ticks(chart(values, log=True))[0] == "1.0"
    (_, low), (_, middle), (_, high) = points(chart(values))
    assert middle > (low + high) / 2
    assert ticks(chart([1.0, 1e7], log=True)) == [str(10.0**power) for power in range(8)]


def test_dates_are_years_months_or_both_ends() -> None:
    def shown(count: int) -> list[str]:
        return re.findall(
            r'text-anchor="(?:middle|start)">([^<]+)</text>',
            line_chart(days(count), [Line("x", np.arange(1.0, count + 1))], str, label="x"),
        )

    assert sorted(shown(1700)) == ["2021", "2022", "2023", "2024", "2025", "2026"]
    assert shown(250)[:3] == ["2020-02", "2020-03", "2020-04"]
    assert shown(700)[:3] == ["2020-04", "2020-07", "2020-10"]
    assert shown(10) == ["2020-01-01"]
    assert shown(1) == ["2020-01-01"]
    assert len(shown(9_000)) <= 13


def test_what_has_no_value_says_so() -> None:
    assert "No value yet" in chart([math.nan, math.nan])
    assert "No value yet" in bar_chart(["a"], [("x", np.array([math.nan]))], str, label="x")


def test_names_are_escaped() -> None:
    svg = bar_chart(["<a>", "b"], [("<k>", np.array([1.0, -1.0])), ("other", np.array([math.nan, 2.0]))], str, label='"l"')
    assert "<a>" not in svg
    assert "&lt;a&gt; · &lt;k&gt;: 1.0" in svg
    assert 'aria-label="&quot;l&quot;"' in svg
    assert svg.count("<rect") == 3
    assert "a &lt;chart&gt;" in chart([1.0, 2.0])


def test_bars_grow_from_zero() -> None:
    svg = bar_chart(["a", "b"], [("k", np.array([1.0, -1.0]))], str, label="x")
    (up, high), (down, low) = [
        (float(y), float(h)) for y, h in re.findall(r'<rect class="bar s0" x="[^"]+" y="([^"]+)" width="[^"]+" height="([^"]+)"', svg)
    ]
    assert up + high == pytest.approx(down)
    assert high == pytest.approx(low)


def test_a_ninth_line_takes_the_first_colour_again() -> None:
    svg = line_chart(days(3), [Line(f"l{i}", np.arange(3.0) + i) for i in range(9)], str, label="x")
    assert svg.count('class="line s0"') == 2
    assert "s8" not in svg


def test_an_area_reaches_down_to_zero() -> None:
    assert '<polygon class="area s0"' in line_chart(days(3), [Line("x", np.array([0.0, -1.0, 0.0]), area=True)], str, label="x", base=0.0)


@given(low=st.floats(-1e6, 1e6), span=st.floats(0, 1e6))
def test_ticks_enclose_the_values_ascend_and_are_few(low: float, span: float) -> None:
    found = nice_ticks(low, low + span)
    slack = 1e-6 * max(1.0, abs(low), span)
    assert found[0] <= low + slack
    assert found[-1] >= low + span - slack
    assert found == sorted(set(found))
    assert 2 <= len(found) <= 8
