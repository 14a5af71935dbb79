"""What each statistic is, in one sentence: for hovering over it, for the JSON, for the documentation."""

from dataclasses import dataclass
from typing import Literal

type Kind = Literal["percent", "number", "count", "date"]


@dataclass(frozen=True, slots=True)
class Definition:
    """A statistic: its title, how it is written, the group it stands in, and what it is."""

    title: str
    kind: Kind
    group: str
    text: str


#: The groups of the table.
GROWTH, RISK, SHAPE, TRADING, BENCHMARK, SKILL = "Growth", "Risk", "Distribution", "Trading", "Against the benchmark", "Skill"

#: By the name of the field of `Statistics`, in its order.
DEFINITIONS: dict[str, Definition] = {
    "sessions": Definition("Sessions", "count", GROWTH, "Sessions with a return; the first session is the base and has none."),
    "first_session": Definition("First session", "date", GROWTH, "First session with a return."),
    "last_session": Definition("Last session", "date", GROWTH, "Last session."),
    "total_return": Definition("Total return", "percent", GROWTH, "Equity at the end over equity at the start, less one."),
    "annual_return": Definition(
        "Annual return", "percent", GROWTH, "Geometric: (1 + total return)^(sessions per year / sessions) − 1; extrapolated under a year."
    ),
    "annual_volatility": Definition(
        "Annual volatility", "percent", RISK, "Standard deviation of simple returns, sample (n − 1), times √sessions per year."
    ),
    "sharpe": Definition(
        "Sharpe ratio",
        "number",
        RISK,
        "Mean of returns less the risk-free rate over their standard deviation (n − 1), times √sessions per year.",
    ),
    "sortino": Definition(
        "Sortino ratio",
        "number",
        RISK,
        "Mean of returns less the risk-free rate over √(mean of squared shortfalls, over all sessions), times √sessions per year.",
    ),
    "calmar": Definition("Calmar ratio", "number", RISK, "Annual return over the size of the maximum drawdown."),
    "max_drawdown": Definition("Maximum drawdown", "percent", RISK, "Least of equity over its highest value so far, less one, at closes."),
    "drawdown_peak": Definition("Drawdown peak", "date", RISK, "Last session at the high before the maximum drawdown."),
    "drawdown_trough": Definition("Drawdown trough", "date", RISK, "Session of the lowest equity of the maximum drawdown."),
    "drawdown_recovery": Definition("Drawdown recovery", "date", RISK, "First session at that high again; none while it lasts."),
    "drawdown_sessions": Definition("Drawdown length", "count", RISK, "Sessions from its peak to its recovery, or to the end."),
    "best_session": Definition("Best session", "percent", SHAPE, "Largest return of one session."),
    "worst_session": Definition("Worst session", "percent", SHAPE, "Smallest return of one session."),
    "var_historical": Definition(
        "VaR 95 %, historical", "percent", SHAPE, "The 5 % quantile of returns of one session, linear between order statistics."
    ),
    "cvar_historical": Definition("CVaR 95 %, historical", "percent", SHAPE, "Mean of the returns at or below the historical VaR."),
    "var_gaussian": Definition(
        "VaR 95 %, Gaussian", "percent", SHAPE, "Mean − 1.645 standard deviations: the 5 % quantile if returns were normal."
    ),
    "cvar_gaussian": Definition(
        "CVaR 95 %, Gaussian", "percent", SHAPE, "Mean − 2.063 standard deviations: the mean beyond it if they were normal."
    ),
    "skewness": Definition("Skewness", "number", SHAPE, "Adjusted Fisher–Pearson (sample) skewness of returns; 0 if symmetric."),
    "excess_kurtosis": Definition("Excess kurtosis", "number", SHAPE, "Adjusted (sample) kurtosis of returns less 3; 0 if normal."),
    "tail_ratio": Definition("Tail ratio", "number", SHAPE, "Size of the 95 % quantile of returns over that of the 5 % quantile."),
    "hit_rate": Definition("Hit rate, sessions", "percent", TRADING, "Sessions that gained over those that gained or lost."),
    "profit_factor": Definition(
        "Profit factor, sessions", "number", TRADING, "Sum of positive returns over the size of the sum of negative ones."
    ),
    "trades": Definition("Round trips", "count", TRADING, "Trades from flat to flat; what is open is none yet."),
    "trade_hit_rate": Definition("Hit rate, round trips", "percent", TRADING, "Round trips that gained over those that gained or lost."),
    "trade_profit_factor": Definition(
        "Profit factor, round trips", "number", TRADING, "Profit of the gainers over the size of the losers' loss."
    ),
    "gross_exposure": Definition("Gross exposure, mean", "percent", TRADING, "Mean of Σ abs(market value) / equity at closes."),
    "net_exposure": Definition("Net exposure, mean", "percent", TRADING, "Mean of Σ market value / equity at closes."),
    "time_in_market": Definition("Time in the market", "percent", TRADING, "Share of sessions that close with any position."),
    "annual_turnover": Definition(
        "Turnover per year",
        "percent",
        TRADING,
        "Mean of value traded, buys and sells both, over equity, times sessions per year; replacing a book is 200 %.",
    ),
    "alpha": Definition(
        "Alpha", "percent", BENCHMARK, "Jensen's, per year: mean excess return less beta times the benchmark's, times sessions per year."
    ),
    "beta": Definition("Beta", "number", BENCHMARK, "Covariance of returns with the benchmark's over the benchmark's variance."),
    "correlation": Definition("Correlation", "number", BENCHMARK, "Pearson's, of returns with the benchmark's."),
    "tracking_error": Definition(
        "Tracking error", "percent", BENCHMARK, "Standard deviation (n − 1) of returns less the benchmark's, times √sessions per year."
    ),
    "information_ratio": Definition(
        "Information ratio",
        "number",
        BENCHMARK,
        "Mean of returns less the benchmark's over the standard deviation of that, times √sessions per year.",
    ),
    "probabilistic_sharpe": Definition(
        "Probabilistic Sharpe",
        "percent",
        SKILL,
        "Probability that the true Sharpe ratio is above 0, by length, skewness and kurtosis (Bailey, López de Prado 2012).",
    ),
    "deflated_sharpe": Definition(
        "Deflated Sharpe",
        "percent",
        SKILL,
        "The same above what the best of all trials would show without skill (Bailey, López de Prado 2014).",
    ),
}
