"""Companies that change their tickers, take up others' and exchange them; and what a source says of it."""

from dataclasses import dataclass
from datetime import UTC, date, datetime

import numpy as np
import polars as pl
from hypothesis import strategies as st

from grodt.bars.listings import listings_frame
from grodt.instruments import Listing
from tests.signals.worlds import actions, random_closes, weekdays

SOURCE = "demo"
KNOWN = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass(frozen=True)
class TickerWorld:
    """A few companies over a few sessions.

    Attributes:
        sessions: ascending.
        companies: names, which are tickers of a world without changes.
        bars, actions: under the tickers as they were; `company` says whose.
        listings: every listing.
        ticker: by company, its ticker in each session; "" where it is not listed.
    """

    sessions: tuple[date, ...]
    companies: tuple[str, ...]
    bars: pl.DataFrame
    actions: pl.DataFrame
    listings: tuple[Listing, ...]
    ticker: dict[str, list[str]]

    def rows(self, until: date | None = None) -> pl.DataFrame:
        """Table `instruments`; with `until` as it was known in that session."""
        known = self.listings
        if until is not None:
            begun = (each for each in self.listings if each.since is None or each.since <= until)
            known = tuple(
                Listing(each.instrument, each.symbol, each.since, each.until if each.until is not None and each.until <= until else None)
                for each in begun
            )
        return listings_frame(SOURCE, known, KNOWN)

    def named(self, frame: pl.DataFrame) -> pl.DataFrame:
        """The rows under their companies' names."""
        return frame.with_columns(symbol=pl.col("company"))


@st.composite
def ticker_worlds(draw: st.DrawFn) -> TickerWorld:
    """Any of them; prices are random walks with gaps."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    count, length = draw(st.integers(1, 4)), draw(st.integers(2, 25))
    sessions, companies = weekdays(length), tuple(f"c{i}" for i in range(count))
    tickers = [f"T{i}" for i in range(count + draw(st.integers(0, 2)))]
    changes = sorted(draw(st.sets(st.integers(1, length - 1), max_size=4)))
    life = [sorted(draw(st.lists(st.integers(0, length), min_size=2, max_size=2, unique=True))) for _ in companies]
    ticker: dict[str, list[str]] = {company: [] for company in companies}
    assigned = list(rng.permutation(tickers)[:count])
    for row in range(length):
        if row in changes:
            assigned = list(rng.permutation(tickers)[:count])
        for i, company in enumerate(companies):
            ticker[company].append(str(assigned[i]) if life[i][0] <= row < life[i][1] else "")
    close = random_closes(int(rng.integers(2**32)), length, count, 0.1)
    bars = [
        (SOURCE, ticker[company][row], sessions[row], close[row, i], company)
        for i, company in enumerate(companies)
        for row in range(length)
        if ticker[company][row] and not np.isnan(close[row, i])
    ]
    listings: list[Listing] = []
    events: list[tuple[str, date, str, int | None, int | None, str | None]] = []
    whose: list[str] = []
    new: list[str | None] = []
    for company in companies:
        own = ticker[company]
        for row in range(length):
            before = own[row - 1] if row else ""
            if before:
                happens: list[tuple[str, int | None, int | None, str | None, str | None]] = []
                happens += [("dividend", None, None, "0.37", None)] if rng.random() < 0.15 else []
                happens += [("split", 3, 2, None, None)] if rng.random() < 0.1 else []
                happens += [("delisting", None, None, "1", None)] if not own[row] else []
                happens += [("symbol_change", None, None, None, own[row])] if own[row] not in ("", before) else []
                for kind, ratio_new, ratio_old, cash, to in happens:
                    events.append((before, sessions[row], kind, ratio_new, ratio_old, cash))
                    whose.append(company)
                    new.append(to)
            if own[row] and own[row] != before:
                until = next((sessions[later] for later in range(row, length) if own[later] != own[row]), None)
                listings.append(Listing(company, own[row], sessions[row], until))
    schema = {"source": pl.String, "symbol": pl.String, "session": pl.Date, "close": pl.Float64, "company": pl.String}
    known = actions(*events).with_columns(
        new_symbol=pl.Series(new, dtype=pl.String), company=pl.Series(whose, dtype=pl.String), source=pl.lit(SOURCE)
    )
    return TickerWorld(sessions, companies, pl.DataFrame(bars, schema=schema, orient="row"), known, tuple(listings), ticker)
