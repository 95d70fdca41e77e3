"""Conformance checks of any Realtime server, for the rules of the protocol (GA) that its clients rely on.

    report = await check_realtime_server("http://127.0.0.1:3001/v1", api_key="…", model="simpleHandoff")
    print(report)
    assert report.ok

Each check opens its own session with a model, so on a hosted service the checks cost a few cents.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

from trunkline.providers import ProviderError
from trunkline.providers.realtime_socket import open_socket
from trunkline.realtime.events import Event
from trunkline.testing.conformance import conversation, input_audio, responses, sessions
from trunkline.testing.conformance.client import ConformanceClient, InconclusiveError, Violation
from trunkline.testing.conformance.invariants import INVARIANTS
from trunkline.testing.conformance.report import ConformanceReport, Finding, Outcome

Check = Callable[[ConformanceClient], Awaitable[None]]
CHECKS: dict[str, Check] = {
    **sessions.CHECKS,
    **conversation.CHECKS,
    **responses.CHECKS,
    **input_audio.CHECKS,
}
"""Checks that need a session each, by name. The docstring of a check is its rule."""


async def check_realtime_server(
    url: str,
    *,
    api_key: str | None = None,
    model: str | None = None,
    only: Collection[str] | None = None,
    timeout_s: float = 20.0,
) -> ConformanceReport:
    """Run the conformance checks against a Realtime server.

    Args:
        url: the base URL up to `/v1`, or the whole socket URL; http(s) or ws(s).
        api_key: sent as `api-key` to Azure's addresses and as a bearer token to others; None sends no key.
        model: added to the URL unless the URL already has one.
        only: the names of the checks to run; all by default.
        timeout_s: the longest wait for an event, in seconds.

    Raises:
        ProviderError: the server is out of reach, or refuses the key or the model.
        ValueError: `only` has an unknown name.
    """
    selected = set(CHECKS) | set(INVARIANTS) if only is None else set(only)
    unknown = selected - set(CHECKS) - set(INVARIANTS)
    if unknown:
        raise ValueError(f"Unknown check: {', '.join(sorted(unknown))}; CHECKS and INVARIANTS list the names.")
    target = _socket_url(url, model)
    headers = _headers(target, api_key)
    findings: list[Finding] = []
    transcripts: list[list[Event]] = []
    # Invariants hold in every session: to test one, the sessions of all checks are needed.
    needs_all = not selected.isdisjoint(INVARIANTS)
    for name, check in CHECKS.items():
        if name not in selected and not needs_all:
            continue
        client = ConformanceClient(await open_socket(target, headers, urlsplit(target).netloc), timeout_s)
        try:
            result = await _run_check(check, client)
        finally:
            await client.close()
        transcripts.append(client.events)
        if name in selected:
            findings.append(_finding(name, check, *result))
    for name, invariant in INVARIANTS.items():
        if name in selected:
            findings.append(_finding(name, invariant, *_check_invariant(invariant, transcripts)))
    return ConformanceReport(target, findings)


async def _run_check(check: Check, client: ConformanceClient) -> tuple[Outcome, str]:
    try:
        await check(client)
        await client.settle()
    except Violation as violation:
        return "failed", str(violation)
    except InconclusiveError as reason:
        return "skipped", str(reason)
    return "passed", ""


def _check_invariant(
    invariant: Callable[[list[Event]], None], transcripts: Iterable[list[Event]]
) -> tuple[Outcome, str]:
    for events in transcripts:
        try:
            invariant(events)
        except Violation as violation:
            return "failed", str(violation)
        except InconclusiveError as reason:
            return "skipped", str(reason)
    return "passed", ""


def _finding(name: str, check: Callable[..., object], outcome: Outcome, reason: str) -> Finding:
    rule = " ".join((check.__doc__ or "").split())
    return Finding(name, outcome, rule) if outcome == "passed" else Finding(name, outcome, reason, rule)


def _socket_url(url: str, model: str | None) -> str:
    parts = urlsplit(url if "://" in url else f"http://{url}")
    scheme = {"http": "ws", "https": "wss"}.get(parts.scheme, parts.scheme)
    path = parts.path.rstrip("/")
    if not path.endswith("/realtime"):
        path = f"{path if path.endswith('/v1') else path + '/v1'}/realtime"
    query = dict(parse_qsl(parts.query))
    if model is not None:
        query.setdefault("model", model)
    return urlunsplit((scheme, parts.netloc, path, urlencode(query), ""))


def _headers(url: str, api_key: str | None) -> dict[str, str]:
    if api_key is None:
        return {}
    if (urlsplit(url).hostname or "").endswith(".azure.com"):
        return {"api-key": api_key}
    return {"Authorization": f"Bearer {api_key}"}


__all__ = ["CHECKS", "INVARIANTS", "ConformanceReport", "ProviderError", "check_realtime_server"]
