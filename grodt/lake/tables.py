"""One schema class per table: names, types, units and rules.

Frames are validated against these before they are written. After a read the file's SHA-256 proves that they are the bytes
that were validated, so only names and types are checked again.
"""

import dataframely as dy
import polars as pl

#: 2: corporate actions have `new_symbol`. 3: orders have `order_price`.
#: A file of an earlier version is read with null in the columns that it lacks.
SCHEMA_VERSION = 4


def _instant(description: str) -> dy.Datetime:
    return dy.Datetime(time_zone="UTC", time_unit="us", description=description)


def _money(description: str, *, nullable: bool = False) -> dy.Decimal:
    return dy.Decimal(precision=24, scale=6, nullable=nullable, description=description, metadata={"unit": "USD"})


def _statistic(description: str, unit: str, *, nullable: bool = False) -> dy.Float64:
    return dy.Float64(nullable=nullable, description=description, metadata={"unit": unit})


class Bars1d(dy.Schema):
    """Daily bars as traded: raw prices, never adjusted. One row per source, symbol and session."""

    source = dy.String(primary_key=True, min_length=1, description="name of the source in the books file")
    symbol = dy.String(primary_key=True, min_length=1, description="ticker")
    session = dy.Date(primary_key=True, description="session of the exchange calendar")
    open = dy.Float64(min_exclusive=0, description="first price", metadata={"unit": "USD"})
    high = dy.Float64(min_exclusive=0, description="highest price", metadata={"unit": "USD"})
    low = dy.Float64(min_exclusive=0, description="lowest price", metadata={"unit": "USD"})
    close = dy.Float64(min_exclusive=0, description="last price", metadata={"unit": "USD"})
    volume = dy.Float64(min=0, description="shares traded, raw", metadata={"unit": "shares"})
    known_at = _instant("when we learned the bar")

    @dy.rule()
    def high_is_highest(cls) -> pl.Expr:
        """The high is ≥ open, close, low."""
        return pl.col("high") >= pl.max_horizontal("open", "close", "low")

    @dy.rule()
    def low_is_lowest(cls) -> pl.Expr:
        """The low is ≤ open, close, high."""
        return pl.col("low") <= pl.min_horizontal("open", "close", "high")


class CorporateActions(dy.Schema):
    """Splits, cash dividends, delistings and changes of symbol, by the first session without the right (ex date)."""

    source = dy.String(primary_key=True, min_length=1, description="name of the source in the books file")
    symbol = dy.String(primary_key=True, min_length=1, description="ticker")
    ex_date = dy.Date(primary_key=True, description="first session that trades without the right, as the source tells it now")
    kind = dy.Enum(["split", "dividend", "delisting", "symbol_change"], primary_key=True, description="what happens")
    pay_date = dy.Date(nullable=True, description="when a dividend's cash is paid; null: on the ex date")
    ratio_new = dy.Int64(nullable=True, min=1, description="split: shares after, for ratio_old before")
    ratio_old = dy.Int64(nullable=True, min=1, description="split: shares before")
    cash_per_share = _money("dividend, or final value of a delisting, per share held before the ex date", nullable=True)
    new_symbol = dy.String(nullable=True, min_length=1, description="change of symbol: the ticker from the ex date on")
    known_at = _instant("when we learned the action")

    @dy.rule()
    def split_has_a_ratio(cls) -> pl.Expr:
        """A split has both ratios, and only a split has them."""
        both = pl.col("ratio_new").is_not_null() & pl.col("ratio_old").is_not_null()
        neither = pl.col("ratio_new").is_null() & pl.col("ratio_old").is_null()
        return pl.when(pl.col("kind") == "split").then(both).otherwise(neither)

    @dy.rule()
    def cash_is_given(cls) -> pl.Expr:
        """A dividend is above zero, a delisting's final value is at least zero, a split has no cash."""
        cash = pl.col("cash_per_share")
        return (
            pl.when(pl.col("kind") == "dividend")
            .then(cash.is_not_null() & (cash > 0).fill_null(False))
            .when(pl.col("kind") == "delisting")
            .then(cash.is_not_null() & (cash >= 0).fill_null(False))
            .otherwise(cash.is_null())
        )

    @dy.rule()
    def new_symbol_is_given(cls) -> pl.Expr:
        """A change of symbol names another symbol, and only it does."""
        new = pl.col("new_symbol")
        return pl.when(pl.col("kind") == "symbol_change").then((new != pl.col("symbol")).fill_null(False)).otherwise(new.is_null())


class Bars1m(dy.Schema):
    """One-minute bars as traded: raw prices, stamped at the start of the minute. A minute without a trade has no row."""

    source = dy.String(primary_key=True, min_length=1, description="name of the source in the books file")
    symbol = dy.String(primary_key=True, min_length=1, description="ticker")
    start = dy.Datetime(
        primary_key=True, time_zone="UTC", time_unit="us", description="start of the minute; the bar holds trades from it to the next"
    )
    session = dy.Date(description="session of the exchange calendar that the minute lies in")
    open = dy.Float64(min_exclusive=0, description="first price", metadata={"unit": "USD"})
    high = dy.Float64(min_exclusive=0, description="highest price", metadata={"unit": "USD"})
    low = dy.Float64(min_exclusive=0, description="lowest price", metadata={"unit": "USD"})
    close = dy.Float64(min_exclusive=0, description="last price", metadata={"unit": "USD"})
    volume = dy.Float64(min=0, description="shares traded, raw", metadata={"unit": "shares"})
    known_at = _instant("when we learned the bar")

    @dy.rule()
    def high_is_highest(cls) -> pl.Expr:
        """The high is ≥ open, close, low."""
        return pl.col("high") >= pl.max_horizontal("open", "close", "low")

    @dy.rule()
    def low_is_lowest(cls) -> pl.Expr:
        """The low is ≤ open, close, high."""
        return pl.col("low") <= pl.min_horizontal("open", "close", "high")

    @dy.rule()
    def start_is_a_whole_minute(cls) -> pl.Expr:
        """The stamp has no seconds."""
        return pl.col("start") == pl.col("start").dt.truncate("1m")


class Instruments(dy.Schema):
    """Which instrument was quoted under which symbol, and when. One row per instrument, symbol and time of it."""

    source = dy.String(primary_key=True, min_length=1, description="name of the source in the books file")
    instrument = dy.String(primary_key=True, min_length=1, description="the instrument's own id, never changed and never used again")
    symbol = dy.String(primary_key=True, min_length=1, description="ticker")
    session = dy.Date(primary_key=True, description="first session under that ticker; 1900-01-01 where the source does not know it")
    until = dy.Date(nullable=True, description="first session no longer under it; null while it lasts")
    known_at = _instant("when we learned it")

    @dy.rule()
    def until_is_later(cls) -> pl.Expr:
        """It ends after it began."""
        return pl.col("until").is_null() | (pl.col("until") > pl.col("session")).fill_null(False)


class Quarantine(dy.Schema):
    """Rows a source gave that the quality gate refused, as they came."""

    source = dy.String(primary_key=True, description="name of the source in the books file")
    symbol = dy.String(primary_key=True, description="ticker as given")
    session = dy.Date(primary_key=True, description="date as given")
    rule = dy.String(primary_key=True, description="the rule that refused the row")
    value = dy.String(description="the value that broke it, as text")
    bound = dy.String(description="the bound it broke, as text")
    open = _statistic("open as given", "USD", nullable=True)
    high = _statistic("high as given", "USD", nullable=True)
    low = _statistic("low as given", "USD", nullable=True)
    close = _statistic("close as given", "USD", nullable=True)
    volume = _statistic("volume as given", "shares", nullable=True)
    run_id = dy.String(description="the run that fetched it")
    known_at = _instant("when we saw the row")


class Quarantine1m(dy.Schema):
    """Minute bars a source gave that the quality gate refused, as they came."""

    source = dy.String(primary_key=True, description="name of the source in the books file")
    symbol = dy.String(primary_key=True, description="ticker as given")
    start = dy.Datetime(primary_key=True, time_zone="UTC", time_unit="us", description="start of the minute as given")
    rule = dy.String(primary_key=True, description="the rule that refused the row")
    session = dy.Date(description="session that the minute lies in; outside trading hours, its date in the exchange's zone")
    value = dy.String(description="the value that broke it, as text")
    bound = dy.String(description="the bound it broke, as text")
    open = _statistic("open as given", "USD", nullable=True)
    high = _statistic("high as given", "USD", nullable=True)
    low = _statistic("low as given", "USD", nullable=True)
    close = _statistic("close as given", "USD", nullable=True)
    volume = _statistic("volume as given", "shares", nullable=True)
    run_id = dy.String(description="the run that fetched it")
    known_at = _instant("when we saw the row")


class Signals(dy.Schema):
    """What each signal said of each symbol of the universe."""

    book = dy.String(primary_key=True, description="book")
    session = dy.Date(primary_key=True, description="session the signal is computed at the close of, or within, at the slot in run_id")
    symbol = dy.String(primary_key=True, description="ticker")
    signal = dy.String(primary_key=True, description="name of the signal")
    value = _statistic("the signal's own value; null where history is too short", "see the signal", nullable=True)
    forecast = _statistic("scaled and capped, 1 is an average long", "1", nullable=True)
    run_id = dy.String(primary_key=True, description="the run that computed it")


class Targets(dy.Schema):
    """What the book wants to hold, from forecasts to whole shares."""

    book = dy.String(primary_key=True, description="book")
    session = dy.Date(primary_key=True, description="session of the decision")
    symbol = dy.String(primary_key=True, description="ticker")
    forecast = _statistic("signals combined by weight; null where none", "1", nullable=True)
    volatility = _statistic("expected volatility of the symbol", "per year", nullable=True)
    target_weight = _statistic("value wanted over equity, after cap, scaling and band", "1")
    current_quantity = dy.Int64(description="held at the close", metadata={"unit": "shares"})
    target_quantity = dy.Int64(description="wanted, whole lots", metadata={"unit": "shares"})
    reference_price = _statistic("price the quantity is computed at; null where none", "USD", nullable=True)
    run_id = dy.String(primary_key=True, description="the run that computed it")


class Universe(dy.Schema):
    """What a book with universe rules could trade, and why not the rest. One row per candidate or holding and session."""

    book = dy.String(primary_key=True, description="book")
    session = dy.Date(primary_key=True, description="session of the decision")
    symbol = dy.String(primary_key=True, description="ticker in that session")
    instrument = dy.String(min_length=1, description="the instrument's own id")
    eligible = dy.Bool(description="whether it may be traded; what is held and may not is sold")
    reason = dy.String(description="the rule it fails, in words; empty where it is eligible")
    price = _statistic("last close, raw; null where it was never traded", "USD", nullable=True)
    age = dy.Int64(min=0, description="sessions with a bar since it was listed", metadata={"unit": "sessions"})
    dollar_volume = _statistic("median of close · volume over the rules' window; null where no rule asks for it", "USD", nullable=True)
    run_id = dy.String(primary_key=True, description="the run that judged it")

    @dy.rule()
    def a_reason_or_eligible(cls) -> pl.Expr:
        """What is not eligible has a reason, and only that."""
        return pl.col("eligible") == (pl.col("reason") == "")


_REGIMES = ["trending", "ranging", "transition", "high_volatility"]


class Regimes(dy.Schema):
    """The regime of each symbol and of the market of a book that tells regimes apart, and the signals that were off for it."""

    book = dy.String(primary_key=True, description="book")
    session = dy.Date(primary_key=True, description="session of the decision")
    symbol = dy.String(primary_key=True, description="ticker; empty for the market of the book's members")
    regime = dy.Enum(_REGIMES, nullable=True, description="measured; null where history is too short or there is no bar")
    confidence = _statistic("0.5 at the bound of the regime, 1 deep inside it; of the market, the share of the vote", "1", nullable=True)
    in_force = dy.Enum(
        _REGIMES, nullable=True, description="what signals were switched by: measured of it or of the market, or the override"
    )
    override = dy.Bool(description="whether the book's configuration said what is in force")
    switched_off = dy.String(description="names of the signals that are off, with commas; empty where none is")
    reason = dy.String(description="why: override, or whose regime is what; empty where none is off and nothing is overridden")
    run_id = dy.String(primary_key=True, description="the run that measured it")

    @dy.rule()
    def off_has_a_reason(cls) -> pl.Expr:
        """What is switched off has a reason."""
        return (pl.col("switched_off") == "") | (pl.col("reason") != "")

    @dy.rule()
    def a_regime_has_a_confidence(cls) -> pl.Expr:
        """A regime has a confidence from 0 to 1, and only a regime."""
        inside = (pl.col("confidence").fill_null(-1.0) >= 0) & (pl.col("confidence").fill_null(2.0) <= 1)
        return pl.when(pl.col("regime").is_null()).then(pl.col("confidence").is_null()).otherwise(inside)


class RiskChecks(dy.Schema):
    """Evidence: every evaluation of every control, passes included."""

    book = dy.String(primary_key=True, description="book")
    session = dy.Date(primary_key=True, description="session of the decision")
    control = dy.Int16(primary_key=True, description="number of the control in RISK.md")
    name = dy.String(description="name of the control")
    scope = dy.Enum(["order", "symbol", "basket", "book"], primary_key=True, description="what was checked")
    symbol = dy.String(primary_key=True, description="ticker; empty for a basket or a book")
    value = _statistic("measured; null where it could not be computed, which fails", "see the control", nullable=True)
    limit = _statistic("bound; null where none is configured, which fails", "see the control", nullable=True)
    headroom = _statistic("limit less value; null where either is", "see the control", nullable=True)
    verdict = dy.Enum(["pass", "clip", "reject", "halt", "alert"], description="what followed")
    reason = dy.String(description="reason code and words; empty for a pass")
    run_id = dy.String(primary_key=True, description="the run that asked")


class Orders(dy.Schema):
    """Orders that a session decided, at its close or in its slots, with the state they have reached."""

    client_order_id = dy.String(primary_key=True, description="our id, a pure function of book, cycle, symbol and leg")
    book = dy.String(description="book")
    session = dy.Date(description="session of the decision; the order works in the next one, or in what is left of this one")
    symbol = dy.String(description="ticker")
    side = dy.Enum(["buy", "sell"], description="side")
    quantity = dy.Int64(min=1, description="ordered", metadata={"unit": "shares"})
    order_type = dy.String(description="market, limit or stop, see docs/orders.md")
    time_in_force = dy.String(description="opg, cls, day or gtc, see docs/orders.md; day of a slot: from then to the close")
    reference_price = _money("price the decision was made at")
    order_price = _money("limit or stop of the order; null for a market order", nullable=True)
    state = dy.String(description="state reached, see docs/glossary.md")
    filled_quantity = dy.Int64(min=0, description="filled so far", metadata={"unit": "shares"})
    average_fill_price = _money("mean fill price; null before a fill", nullable=True)
    venue_order_id = dy.String(nullable=True, description="the broker's id")
    reason = dy.String(description="why it was rejected, cancelled or expired")
    basket_hash = dy.String(description="content hash of the basket it was sent in")
    run_id = dy.String(description="the run that decided it")
    role = dy.String(
        nullable=True,
        description="of a bracket: stop or take_profit, or close, which gives the position up; null for orders that follow targets",
    )
    protects = dy.String(
        nullable=True,
        description="of a bracket: our id of the order that last opened or added to the position; of an attached leg, its entry",
    )
    other_leg = dy.String(nullable=True, description="our id of the other leg, which is over when this one fills")

    @dy.rule()
    def not_overfilled(cls) -> pl.Expr:
        """The quantity filled is ≤ the quantity ordered."""
        return pl.col("filled_quantity") <= pl.col("quantity")


class Fills(dy.Schema):
    """Executions as the broker reported them."""

    execution_id = dy.String(primary_key=True, description="the broker's execution id")
    client_order_id = dy.String(description="our order id")
    book = dy.String(description="book")
    session = dy.Date(description="session it traded in")
    symbol = dy.String(description="ticker")
    side = dy.Enum(["buy", "sell"], description="side")
    quantity = dy.Int64(min=1, description="filled", metadata={"unit": "shares"})
    price = _money("price of one share")
    notional = _money("price · quantity; of a fill of several trades what they are worth together")
    commission = _money("commission")
    filled_at = _instant("when it traded")
    run_id = dy.String(description="the run that booked it")


class Positions(dy.Schema):
    """What the book holds at a session's close, valued at the last close known."""

    book = dy.String(primary_key=True, description="book")
    session = dy.Date(primary_key=True, description="session")
    symbol = dy.String(primary_key=True, description="ticker")
    quantity = dy.Int64(description="held, negative when short", metadata={"unit": "shares"})
    cost = _money("average cost · quantity")
    average_cost = _money("average cost of one share")
    price = _statistic("last close known", "USD")
    price_session = dy.Date(description="session of that close; older than `session` when the symbol did not trade")
    market_value = _money("price · quantity")
    unrealised_profit = _money("market value less cost")
    weight = _statistic("market value over equity", "1")
    run_id = dy.String(description="the run that marked it")


class Equity(dy.Schema):
    """The book's value at each session's close."""

    book = dy.String(primary_key=True, description="book")
    session = dy.Date(primary_key=True, description="session")
    cash = _money("cash")
    receivable = _money("dividends owed to us and not yet paid")
    positions_value = _money("Σ market value")
    equity = _money("cash + receivable + positions")
    gross_exposure = _statistic("Σ abs(market value) / equity", "1")
    net_exposure = _statistic("Σ market value / equity", "1")
    high_water_mark = _money("highest equity so far")
    drawdown = _statistic("equity / high-water mark, less 1", "1")
    profit = _money("change of equity since the last mark")
    run_id = dy.String(description="the run that marked it")


class Runs(dy.Schema):
    """One row per cycle: what it did and what it rested on."""

    run_id = dy.String(primary_key=True, description="book, kind, session and slot of the cycle")
    book = dy.String(description="book")
    kind = dy.String(description="eod or intraday")
    session = dy.Date(description="session")
    outcome = dy.String(description="done or halted")
    attempts = dy.Int64(min=1, description="how often it was started")
    opened_at = _instant("first start")
    closed_at = _instant("end")
    snapshot = dy.String(description="manifest version and digest of the data it read")
    config_hash = dy.String(description="hash of the book's configuration")
    code_version = dy.String(description="version of GRODT")
    bars = dy.Int64(min=0, description="bars of the session")
    quarantined = dy.Int64(min=0, description="rows quarantined by this run")
    signals = dy.Int64(min=0, description="symbols with a forecast")
    orders = dy.Int64(min=0, description="orders sent")
    fills = dy.Int64(min=0, description="fills booked")
    positions = dy.Int64(min=0, description="positions held")
    equity = _money("equity at the close")
    breaks = dy.Int64(min=0, description="open breaks")


#: Every table of the lake, by the name of its folder.
TABLES: dict[str, type[dy.Schema]] = {
    "bars_1d": Bars1d,
    "bars_1m": Bars1m,
    "corporate_actions": CorporateActions,
    "instruments": Instruments,
    "quarantine": Quarantine,
    "quarantine_1m": Quarantine1m,
    "signals": Signals,
    "regimes": Regimes,
    "targets": Targets,
    "universe": Universe,
    "risk_checks": RiskChecks,
    "orders": Orders,
    "fills": Fills,
    "positions": Positions,
    "equity": Equity,
    "runs": Runs,
}
