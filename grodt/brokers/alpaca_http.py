"""Asking Alpaca's trading host. A question is patient; an order is sent once, and never again without a look-up in between."""

from collections.abc import Callable, Mapping
from contextlib import suppress

import httpx
from pydantic import TypeAdapter, ValidationError

from grodt.bars.alpaca_http import AlpacaHttp, told_by, unreadable
from grodt.bars.patience import may_pass, seconds_to_reset
from grodt.brokers.alpaca_payloads import REFUSAL, AlpacaRefusal
from grodt.errors import ConfigError, DataError, GrodtError, OrderOutcomeUnknown


class TradingHttp(AlpacaHttp):
    """Questions and orders to one account."""

    async def read[M](self, model: TypeAdapter[M], url: str, question: Mapping[str, str], *, about: str) -> M:
        """The answer to a question.

        Raises:
            VendorUnavailable: none after every try.
            ConfigError: the key or the host is wrong.
            DataError: Alpaca refuses the question, or the answer cannot be read.
        """
        return self.parsed(model, await self.get(url, question, about=about), about)

    async def find[M](self, model: TypeAdapter[M], url: str, question: Mapping[str, str], *, about: str) -> M | None:
        """As `read`; None where Alpaca itself says that there is no such thing, which another host's 404 does not say."""
        response = await self.answer("GET", url, question, about=about)
        if response.status_code == httpx.codes.NOT_FOUND and refusal_of(response).code:
            return None
        if response.status_code != httpx.codes.OK:
            raise self.refused(response, about)
        return self.parsed(model, response.content, about)

    async def send(self, url: str, order: Mapping[str, str], last_look: Callable[[], None]) -> httpx.Response:
        """Send an order, once, after a last look; see `Broker.submit`.

        Returns:
            The definite answer: a 2xx, or a 4xx that refuses it.

        Raises:
            OrderOutcomeUnknown: there is none; Alpaca may have it or not.
            ConfigError: the key or the host is wrong, and so nothing was taken.
        """
        name = f"{self._asker}: order {order['client_order_id']}"
        try:
            response = await self.once("POST", url, {}, order, last_look=last_look)
        except (httpx.RequestError, TimeoutError) as error:
            raise OrderOutcomeUnknown(f"{name}: {type(error).__name__} {error}".strip()) from None
        if response.status_code == httpx.codes.TOO_MANY_REQUESTS:
            self._quota_gone_for = seconds_to_reset(response.headers) or 0.0
        if response.status_code == 401 or (response.status_code in (403, 404) and not refusal_of(response).code):  # no word of Alpaca's own
            raise self.refused(response, f"order {order['client_order_id']}")
        if not (response.is_success or response.is_client_error) or may_pass(response.status_code):
            raise OrderOutcomeUnknown(f"{name}: {told_by(response)}")
        return response

    def parsed[M](self, model: TypeAdapter[M], body: bytes, about: str) -> M:
        """A body as the model.

        Raises:
            DataError: it lacks what the model needs.
        """
        try:
            return model.validate_json(body)
        except ValidationError as error:
            raise unreadable(error, asker=self._asker, about=about) from None

    def refused(self, response: httpx.Response, about: str) -> GrodtError:
        """The error of an answer that is no 200 and stays so: what to fix."""
        status, told = response.status_code, told_by(response)
        says = f"{self._asker}: {about}: Alpaca refuses: {told}"
        if status in (401, 403):
            return ConfigError(
                f"{says}; correct the account's key and secret, and see that they belong to {response.url.host}: a paper key goes with "
                "`account: paper`, a live one with `account: live`"
            )
        if status == 404 or response.is_redirect:
            return ConfigError(f"{says}; correct the broker's `trading_url`")
        return DataError(f"{says}; run again, and ask Alpaca if it stays so")


def refusal_of(response: httpx.Response) -> AlpacaRefusal:
    """Code and words of a refusal; 0 and "" where the body has none, as that of another server."""
    with suppress(ValidationError):
        return REFUSAL.validate_json(response.content)
    return AlpacaRefusal()
