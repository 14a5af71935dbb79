"""One question to Yahoo through yfinance, and what became of it: a frame, no data, try again, or an error.

yfinance hides statuses, keeps answers of the past in memory, and takes a refusal for a ticker without prices. So its HTTP session is
ours: it notes the status of each answer, and raises what may pass before yfinance reads it.
"""

import warnings
from datetime import datetime
from functools import cache
from threading import local
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import urlsplit

from grodt.bars.patience import TryAgain, cut, may_pass, pause_asked_for
from grodt.errors import ConfigError, DataError

if TYPE_CHECKING:
    import pandas as pd

_CHART = "/v8/finance/chart/"
#: What Python raises when an answer is not of the shape that yfinance reads.
_NOT_OF_THE_SHAPE = (TypeError, KeyError, IndexError, AttributeError, ValueError, ArithmeticError)


class _Told(Exception):
    """Yahoo's refusal of a question, which yfinance need not see: it would only ask again, with other cookies."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status
        self.why = why


class YahooClient(Protocol):
    """Who asks Yahoo."""

    def chart(self, symbol: str, *, interval: str, start: datetime, end: datetime | None, about: str) -> "pd.DataFrame":
        """Bars and actions of one ticker.

        Args:
            symbol: the ticker.
            interval: 1d or 1m.
            start, end: the range, `end` not included; None: up to now.
            about: source and question, for messages.

        Returns:
            Open, High, Low, Close, Volume, Dividends and Stock Splits by start of the bar in the exchange's zone; prices, volumes and
            dividends in shares of today. Empty where Yahoo has nothing.

        Raises:
            TryAgain: no answer, and another try may have one.
            ConfigError: Yahoo refuses; names what to fix.
            DataError: the answer cannot be read.
        """
        ...


class YfinanceClient:
    """Implements `YahooClient`. Nothing is imported before the first question."""

    def __init__(self, source: str, zone: str, *, timeout_seconds: float, url: str | None = None) -> None:
        """Name it.

        Args:
            source: its source's name, for messages.
            zone: the exchange's time zone.
            timeout_seconds: how long one answer is waited for.
            url: a host that is asked in place of each of Yahoo's.
        """
        self._source = source
        self._zone = zone
        self._timeout = timeout_seconds
        self._url = url
        self._session: Any = None

    def chart(self, symbol: str, *, interval: str, start: datetime, end: datetime | None, about: str) -> "pd.DataFrame":
        """See `YahooClient.chart`."""
        session_class = _session_class(self._source)
        from curl_cffi.requests.exceptions import InvalidJSONError, RequestException
        from yfinance.config import YfConfig
        from yfinance.data import YfData
        from yfinance.exceptions import YFDataException, YFPricesMissingError, YFRateLimitError
        from yfinance.scrapers.history import PriceHistory

        if self._session is None:
            self._session = session_class(self._url)
        session = self._session
        session.noted.status = 0
        YfConfig.debug.hide_exceptions = False
        YfData.cache_get.cache_clear()  # an answer of the past may be another by now
        try:
            frame: pd.DataFrame = PriceHistory(YfData(session=session), symbol, self._zone, session).history(
                interval=interval,
                start=start,
                end=end,
                auto_adjust=False,
                back_adjust=False,
                actions=True,
                repair=False,
                keepna=True,
                timeout=self._timeout,
            )
        except _Told as told:
            return self._nothing(told.status, told.why, about)
        except YFPricesMissingError as error:
            return self._nothing(session.noted.status, str(error), about)
        except YFRateLimitError:
            raise TryAgain("HTTP 429") from None
        except YFDataException as error:
            raise TryAgain(cut(str(error))) from None
        except InvalidJSONError as error:
            return self._nothing(session.noted.status, str(error), about, readable=False)
        except RequestException as error:
            raise TryAgain(f"{type(error).__name__} {cut(str(error))}") from None
        except _NOT_OF_THE_SHAPE as error:
            return self._nothing(session.noted.status, f"{type(error).__name__} {error}", about, readable=False)
        return frame

    def _nothing(self, status: int, why: str, about: str, *, readable: bool = True) -> "pd.DataFrame":
        """No rows, where the status and words of the answer mean that there are none."""
        import pandas as pd

        gone = status == 404 or (status == 400 and "Data doesn't exist" in why)
        if status >= 300 and not gone:
            raise ConfigError(
                f"{about}: Yahoo refuses: HTTP {status} ({cut(why)}); correct the symbols or dates that the book names. Yahoo also turns "
                "away whole places and old clients: update yfinance, or use another source"
            )
        if not readable and not gone:
            raise DataError(f"{about}: the answer cannot be read: {cut(why)}; ask again later, or update yfinance")
        return pd.DataFrame()


@cache
def _session_class(source: str) -> type[Any]:
    """A session of yfinance's own kind that notes the status of the last chart of each thread."""
    try:
        import yfinance.cache  # seconds to import: only for a source that asks it
        from curl_cffi.requests import Session
    except ImportError as error:
        raise ConfigError(
            f"source {source!r} is of kind yahoo and {error.name} is not installed; install it with `uv sync --extra yahoo`"
        ) from None

    # Cookies live as long as the process: yfinance would keep them in a database in the user's home, and leave that open in each thread.
    yfinance.cache._CookieCacheManager._Cookie_cache = _Cookies()
    warnings.filterwarnings("ignore", category=DeprecationWarning, module="yfinance")  # its own use of pandas, which it shows on purpose

    class ChartSession(Session):  # type: ignore[type-arg]
        def __init__(self, url: str | None) -> None:
            super().__init__(impersonate="chrome")
            self.noted = local()
            self._url = url

        def request(self, method: Any, url: str, *arguments: Any, **named: Any) -> Any:
            where = url if self._url is None else self._url + urlsplit(url).path
            response = super().request(method, where, *arguments, **named)
            if _CHART in url:
                self.noted.status = response.status_code
                if may_pass(response.status_code):
                    headers = {name.lower(): value or "" for name, value in response.headers.items()}
                    raise TryAgain(
                        f"HTTP {response.status_code} ({cut(response.text) or response.reason})",
                        pause_asked_for(response.status_code, headers),
                    )
                if response.status_code in (400, 404, 422):
                    raise _Told(response.status_code, _reason(response))
            return response

    return ChartSession


class _Cookies:
    """Yahoo's cookies by how they were got, in memory: what yfinance asks of its cache."""

    def __init__(self) -> None:
        self._kept: dict[str, Any] = {}

    def lookup(self, strategy: str) -> dict[str, Any] | None:
        return {"cookie": self._kept[strategy]} if strategy in self._kept else None

    def store(self, strategy: str, cookie: Any) -> None:
        self._kept[strategy] = cookie


def _reason(response: Any) -> str:
    """Yahoo's own words, or what it sent."""
    try:
        return str(response.json()["chart"]["error"]["description"])
    except (ValueError, KeyError, TypeError):
        return str(response.text)
