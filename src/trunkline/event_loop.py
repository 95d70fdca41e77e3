"""Event loop of a server: an exit that a scenario's code raises in a callback or a task does not end it."""

from __future__ import annotations

import asyncio
import sys
import traceback

from trunkline.users_code import is_users_code

_Loop: type[asyncio.BaseEventLoop] = (
    asyncio.ProactorEventLoop if sys.platform == "win32" else asyncio.SelectorEventLoop  # type: ignore[attr-defined]  # Windows
)


class ServerLoop(_Loop):  # type: ignore[misc, valid-type]  # the base depends on the platform
    """Event loop that passes `SystemExit` and `KeyboardInterrupt` of users' code to its exception handler.

    asyncio ends the loop at these two, so a callback that a tool leaves behind could end the server. Those of the
    program itself, and of Ctrl-C, end the loop as usual.
    """

    _has_to_stop = False

    def stop(self) -> None:
        """See the base class."""
        self._has_to_stop = True
        super().stop()

    def run_forever(self) -> None:
        """Run until `stop`."""
        self._has_to_stop = False
        while True:
            try:
                super().run_forever()
            except (SystemExit, KeyboardInterrupt) as error:
                if not _is_of_users_code(error):
                    raise
                context = {"message": "A scenario's code tried to end the process", "exception": error}
                self.call_exception_handler(context)
                if self._has_to_stop:  # by a callback of the same turn; the exception has cancelled that
                    super().stop()
            else:
                return


def _is_of_users_code(error: BaseException) -> bool:
    codes = [frame.f_code for frame, _line in traceback.walk_tb(error.__traceback__)]
    return codes[-1] is not _ON_CTRL_C and any(is_users_code(code.co_filename) for code in codes)


_ON_CTRL_C = asyncio.Runner._on_sigint.__code__  # type: ignore[attr-defined]  # it is private
"""asyncio's handler of the signal: it runs on top of the code that it interrupts."""
