import re
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grodt.settings.cron import require_cron

cronsim = pytest.importorskip("cronsim", reason="Prefect reads cron expressions with it")

FIELDS = [(0, 59, ()), (0, 23, ()), (1, 31, ()), (1, 12, ("jan", "DEC")), (0, 7, ("mon", "SUN"))]


@st.composite
def parts(draw, low, high, names):
    number = st.integers(low - 1, high + 1).map(str) | st.sampled_from(names) if names else st.integers(low - 1, high + 1).map(str)
    shapes = [st.just("*"), number, st.tuples(number, number).map("-".join), number.map(lambda n: f"*/{n}"), st.just("x"), st.just("")]
    shapes.append(st.tuples(number, number, st.integers(0, 9).map(str)).map(lambda p: f"{p[0]}-{p[1]}/{p[2]}"))
    return ",".join(draw(st.lists(st.one_of(shapes), min_size=1, max_size=3)))


expressions = st.tuples(*(parts(*field) for field in FIELDS)).map(" ".join)


@given(expressions)
def test_what_is_taken_comes_and_prefect_s_parser_takes_it_too(text):
    try:
        require_cron(text)
    except ValueError:
        return
    assert next(cronsim.CronSim(text, datetime(2026, 1, 1, tzinfo=UTC))) > datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    "text", ["30 17 * * 1-5", "*/15 9-16 * * mon-fri", "0 0 1,15 * *", "0 18 29 2 *", "5 4 * jan-mar/2 7", "0 0 31 * *"]
)
def test_usual_expressions_are_taken(text):
    assert require_cron(text) == text


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "has 0 fields, not the 5 of minute, hour, day of month, month, day of week"),
        ("30 17 * *", "has 4 fields"),
        ("0 30 17 * * 1-5", "has 6 fields"),
        ("@daily", "has 1 fields"),
        ("60 17 * * *", "minute '60' is not within 0 to 59"),
        ("30 24 * * *", "hour '24' is not within 0 to 23"),
        ("30 17 0 * *", "day of month '0' is not within 1 to 31"),
        ("30 17 * 13 *", "month '13' is not within 1 to 12"),
        ("30 17 * * 8", "day of week '8' is not within 0 to 7"),
        ("30 17 * * friday", "day of week 'friday' is not within 0 to 7"),
        ("30 5pm * * *", "hour '5pm' is not within 0 to 23"),
        ("30 17 * * 5-1", "day of week '5-1' is empty; write the smaller number first"),
        ("*/0 17 * * *", "minute '*/0' is empty"),
        ("30 17 * * 1,,2", "day of week '' is no number, range or step of 0 to 7"),
        ("30 17 L * *", "day of month 'L' is not within 1 to 31"),
        ("30 17 * * 5#2", "day of week '5#2' is no number, range or step"),
        ("0 0 31 2,4 *", "never comes: no month of it has such a day"),
        ("99999999999 17 * * *", "minute '99999999999' is not within 0 to 59"),
    ],
)
def test_nonsense_is_refused_with_the_field_and_its_bounds(text, said):
    with pytest.raises(ValueError, match=re.escape(f"cron {text!r}") + ".*" + re.escape(said)):
        require_cron(text)
