"""Minute bars beside the small world's daily ones, which they add up to."""

from datetime import date, timedelta
from pathlib import Path

from tests.cycles.driver import Home
from tests.cycles.small_world import XNYS

_MINUTE = timedelta(minutes=1)


def add_minutes(home: Home, start: date, end: date, *, less: set[tuple[str, date]] | None = None, late: timedelta = timedelta(0)) -> Path:
    """Describe minutes of those sessions in the home's books file, less what is left out, and stamped that late; the file they are in."""
    assert home.books is not None
    folder = home.books.parent
    lines = ["symbol,start,open,high,low,close,volume"]
    for line in (folder / "bars.csv").read_text().splitlines()[1:]:
        symbol, day, opened, high, low, close, volume = line.split(",")
        session = date.fromisoformat(day)
        if not start <= session <= end or (symbol, session) in (less or set()):
            continue
        count = XNYS.minutes_of(session)
        each, rest = divmod(int(volume), count)
        stamp = XNYS.opens_at(session) + late
        for minute in range(count):
            price = opened if minute < count // 2 else close
            top, bottom = (high, low) if minute == 0 else (price, price)
            # no two minutes in a row are alike, or the feed would seem to stand still
            shares = each + (1 if minute % 2 else -1) + (rest if minute == 0 else 0)
            lines.append(f"{symbol},{stamp + minute * _MINUTE:%Y-%m-%d %H:%M},{price},{top},{bottom},{price},{shares}")
    file = folder / "minutes.csv"
    file.write_text("\n".join(lines) + "\n")
    described = home.books.read_text()
    if "minutes.csv" not in described:
        daily = "    bars: {path: bars.csv}\n"
        home.books.write_text(described.replace(daily, f"{daily}    minutes: {{path: minutes.csv, stamps: start, zone: UTC}}\n"))
    return file
