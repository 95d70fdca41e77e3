"""ASGI middleware that reports clients whose key is missing or wrong, for the log."""

from __future__ import annotations

from collections.abc import Callable

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from trunkline.listener.client_address import address_of

_STARTS = ("http.response.start", "websocket.http.response.start")


class WrongKeyReports:
    """Reports the address of each client that the app answers with 401.

    Args:
        app: the engine's app.
        report: called with the address.
    """

    def __init__(self, app: ASGIApp, report: Callable[[str], None]) -> None:
        self._app = app
        self._report = report

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request to the app."""

        async def watched(message: Message) -> None:
            if message["type"] in _STARTS and message["status"] == 401:
                self._report(address_of(scope))
            await send(message)

        await self._app(scope, receive, watched)
