"""What a value looks like in the file."""

from datetime import UTC, date, datetime, timedelta, timezone

import pytest
from sqlalchemy.dialects.sqlite import dialect

from grodt.ledger.columns import Day, Instant

SQLITE = dialect()


def test_an_instant_is_text_of_fixed_width_in_utc() -> None:
    berlin = datetime(2026, 11, 20, 22, 0, tzinfo=timezone(timedelta(hours=1)))
    assert Instant().process_bind_param(berlin, SQLITE) == "2026-11-20T21:00:00.000000Z"
    read = Instant().result_processor(SQLITE, None)
    assert read("2026-11-20T21:00:00.000001Z") == datetime(2026, 11, 20, 21, 0, 0, 1, tzinfo=UTC)
    assert Instant().process_bind_param(None, SQLITE) is None
    assert read(None) is None


def test_an_instant_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="has no time zone"):
        Instant().process_bind_param(datetime(2026, 11, 20), SQLITE)


def test_a_session_is_an_iso_date_and_an_instant_is_none() -> None:
    assert Day().process_bind_param(date(2026, 11, 20), SQLITE) == "2026-11-20"
    read = Day().result_processor(SQLITE, None)
    assert read("2026-11-20") == date(2026, 11, 20)
    assert Day().process_bind_param(None, SQLITE) is None
    assert read(None) is None
    with pytest.raises(ValueError, match="is an instant, not a session"):
        Day().process_bind_param(datetime(2026, 11, 20, tzinfo=UTC), SQLITE)
