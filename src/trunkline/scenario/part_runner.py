"""`PartRunner`: steps through a part of a rehearsal without an event loop."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

from trunkline.scenario.caller import AwaitedReply, Caller
from trunkline.scenario.error_location import error_location
from trunkline.scenario.moves import AwaitedMove, Move, ask, call_tool, say, transfer
from trunkline.scenario.rehearsal import Part, RehearsalError


class PartRunner:
    """A part in progress, stepped without an event loop: it may await only the caller and `act`.

    Args:
        agent: the agent's name, for error messages.
        part: the part.
        caller: the argument of the part.
    """

    def __init__(self, agent: str, part: Part, caller: Caller) -> None:
        self._agent = agent
        self._lines = part(caller)
        self._step: Generator[object, None, Any] | None = None

    def next(self, answer: Any) -> Move | AwaitedReply | None:
        """Return the next move, or None when the part is over.

        Args:
            answer: the value of the last yield or await.

        Raises:
            RehearsalError: the part failed, or yielded or awaited something else.
        """
        step, self._step = self._step, None
        try:
            if step is None:
                step = self._lines.asend(answer).__await__()
                awaited = step.send(None)
            else:
                awaited = step.send(answer)
        except StopIteration as yielded:
            return self._checked(yielded.value)
        except StopAsyncIteration:
            return None
        except BaseException as error:  # also `sys.exit`: the user's code alone runs here
            place = error_location(error)
            raise RehearsalError(f"Your rehearsal of {self._agent!r} raised {error!r}{place}") from error
        self._step = step
        if isinstance(awaited, AwaitedReply):
            return awaited
        if isinstance(awaited, AwaitedMove):
            return self._checked(awaited.move)
        raise RehearsalError(
            f"Your rehearsal of {self._agent!r} awaits {awaited!r}; it may await only the caller and act(…)."
        )

    def close(self) -> None:
        """End the generator at its yield or await.

        Raises:
            RehearsalError: the part failed, or continues after its end.
        """
        step, self._step = self._step, None
        try:
            if step is None:
                self._lines.aclose().__await__().send(None)
            else:
                step.throw(GeneratorExit())
        except (GeneratorExit, StopAsyncIteration):
            return
        except StopIteration:
            if step is None:
                return
        except BaseException as error:
            place = error_location(error)
            raise RehearsalError(f"Your rehearsal of {self._agent!r} raised {error!r} at its end{place}") from error
        raise RehearsalError(
            f"Your rehearsal of {self._agent!r} continues although its turn is over. "
            "Do not yield or await after GeneratorExit."
        )

    def _checked(self, move: object) -> Move:
        if isinstance(move, str | say | call_tool | transfer | ask):
            return move
        raise RehearsalError(
            f"Your rehearsal of {self._agent!r} yields {move!r}; it may yield text, say, ask, call_tool or transfer."
        )
