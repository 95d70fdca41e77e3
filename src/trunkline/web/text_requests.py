"""Validation of requests for the text model: only text, embedded pictures and the client's functions are forwarded.

Anything else could use the server's account: its stored files and answers, and the service's own paid tools.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from trunkline.web.errors import ApiError

_ITEMS = ("message", "function_call", "function_call_output", "reasoning")
_PARTS = ("input_text", "output_text", "refusal", "input_image")


def check_input(given: str | Sequence[Mapping[str, object]]) -> None:
    """Check `input`.

    Raises:
        ApiError: an item is not forwarded.
    """
    if isinstance(given, str):
        return
    for place, item in enumerate(given):
        where = f"input[{place}]"
        _one_of(item.get("type", "message"), _ITEMS, f"{where}.type")
        for field in ("content", "output"):
            _check_parts(item.get(field), f"{where}.{field}")


def check_tools(tools: Sequence[Mapping[str, object]]) -> None:
    """Check `tools`.

    Raises:
        ApiError: a tool is not a function.
    """
    for place, tool in enumerate(tools):
        _one_of(tool.get("type"), ("function",), f"tools[{place}].type")


def _check_parts(parts: object, where: str) -> None:
    if parts is None or isinstance(parts, str):
        return
    if not isinstance(parts, list):
        raise ApiError(400, "bad_request", f"{where} must be text or a list.")
    for place, part in enumerate(parts):
        if not isinstance(part, dict):
            raise ApiError(400, "bad_request", f"{where}[{place}] must be an object.")
        # Clients return reasoning as the service sent it: its parts have a separate type.
        _one_of(part.get("type"), (*_PARTS, "reasoning_text"), f"{where}[{place}].type")
        if part["type"] == "input_image" and not _is_brought_along(part):
            message = (
                f"{where}[{place}].image_url must be a data URL: the server does not fetch files or other addresses."
            )
            raise ApiError(400, "bad_request", message)


def _is_brought_along(part: Mapping[str, object]) -> bool:
    return "file_id" not in part and str(part.get("image_url", "")).startswith("data:image/")


def _one_of(given: object, allowed: Sequence[str], where: str) -> None:
    if given not in allowed:
        raise ApiError(400, "bad_request", f"{where} does not accept {given!r}.", list(allowed))
