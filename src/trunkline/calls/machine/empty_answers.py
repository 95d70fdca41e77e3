"""Empty answers: a response that ends without audio and without a tool call leaves the caller in silence.

Models end a turn with nothing, or with text only, and a limit of tokens may cut a tool call. The response is requested
again once in a turn of the caller. The second empty answer is an error.
"""

from __future__ import annotations

from trunkline.calls import log_events
from trunkline.calls.machine.outbox import Outbox
from trunkline.calls.machine.response_scheduler import CallerSpeech, ResponseScheduler
from trunkline.realtime.events import Event

_AUDIO = ("output_audio", "audio")
_TEXT = ("output_text", "text")


class EmptyAnswers:
    """The answer so far of the response in progress, and the empty answers of the caller's turn."""

    def __init__(self, outbox: Outbox, scheduler: ResponseScheduler) -> None:
        self._outbox = outbox
        self._scheduler = scheduler
        self._answered = False
        self._asked_again = False

    def on_caller_turn(self) -> None:
        """Allow another request again."""
        self._asked_again = False

    def on_response_begins(self) -> None:
        """Expect an answer."""
        self._answered = False

    def on_answer(self) -> None:
        """Note audio, spoken words or a complete tool call."""
        self._answered = True

    def on_response_done(self, response: Event, *, cancelled: bool) -> bool:
        """Request a response again that ended with nothing; report the second one.

        Args:
            response: the response of `response.done`.
            cancelled: true if the call had cancelled it.

        Returns:
            True if the second answer in a row is empty.
        """
        answered, self._answered = self._answered, False
        items = [item for item in response.get("output") or () if isinstance(item, dict)]
        if answered or cancelled or any(_is_answer(item) for item in items):
            self._asked_again = False
            return False
        filtered = (response.get("status_details") or {}).get("reason") == "content_filter"
        if response.get("status") not in ("completed", "incomplete") or filtered:
            return False
        if self._scheduler.response_wanted or self._scheduler.caller_speech is not CallerSpeech.SILENT:
            return False
        problem = _problem(items)
        if self._asked_again:
            self._outbox.log_provider_error(f"{problem} It was asked twice.", "no_answer", _hint(response))
            return True
        self._asked_again = True
        self._outbox.log(log_events.Notice(message=f"{problem} It is asked again.", code="empty_answer"))
        self._scheduler.request_response()
        return False


def _is_answer(item: Event) -> bool:
    """Return whether an item of a response is heard, or calls a tool."""
    match item.get("type"):
        case "message":
            return any(part.get("type") in _AUDIO and part.get("transcript") for part in _content(item))
        case "function_call":
            return item.get("status") == "completed"
        case "mcp_call" | "mcp_approval_request":
            return True
        case _:
            return False


def _content(item: Event) -> list[Event]:
    return [part for part in item.get("content") or () if isinstance(part, dict)]


def _problem(items: list[Event]) -> str:
    if any(part.get("type") in _TEXT and part.get("text") for item in items for part in _content(item)):
        return "The model answered in text, without audio."
    if any(item.get("type") == "function_call" for item in items):
        return "The model's tool call was cut off."
    return "The model ended its turn without an answer."


def _hint(response: Event) -> str:
    if response.get("status") == "incomplete":
        return "In the agent's instructions, ask for shorter answers and shorter tool arguments."
    return "Look at the agent's instructions and at the raw events of the response."
