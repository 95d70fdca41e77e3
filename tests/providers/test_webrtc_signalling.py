"""WebRTC signalling: in two steps with an ephemeral secret, or in one with the key; and its failures."""

from __future__ import annotations

import json
import socket

import pytest
from pydantic import SecretStr

from tests.providers.webrtc_calls_fake import ANSWER, KEY, OFFER, SECRET, CallsService, form_of, serving
from trunkline.providers import ProviderError
from trunkline.providers.credentials import KeyCredentials
from trunkline.providers.webrtc_signalling import WebRtcSignalling

SESSION = {"type": "realtime", "model": "a-model", "instructions": "Be kind."}


def endpoint(service: CallsService, *, key: str = KEY) -> WebRtcSignalling:
    """The service as Azure is reached, or as OpenAI is."""
    credentials = KeyCredentials("Authorization" if service.one_step else "api-key", SecretStr(key))
    return WebRtcSignalling("the service", service.url, credentials, one_step=service.one_step)


async def test_in_two_steps_the_session_goes_into_the_secret_and_the_offer_with_the_secret() -> None:
    async with serving(CallsService()) as service:
        answer = await endpoint(service).start_webrtc_call(OFFER, SESSION)
    assert (answer.sdp, answer.rtc_call_id) == (ANSWER, "rtc_1")
    minting, offering = service.requests
    assert json.loads(minting.body)["session"] == SESSION
    assert minting.headers["api-key"] == KEY
    assert offering.target == "/v1/realtime/calls?webrtcfilter=on"
    assert offering.headers["authorization"] == f"Bearer {SECRET}"
    assert KEY not in str(offering)


async def test_the_secret_lives_for_a_minute() -> None:
    async with serving(CallsService()) as service:
        await endpoint(service).start_webrtc_call(OFFER, SESSION)
    assert json.loads(service.requests[0].body)["expires_after"] == {"anchor": "created_at", "seconds": 60}


async def test_in_one_step_offer_and_session_go_together_with_our_key() -> None:
    async with serving(CallsService(one_step=True)) as service:
        answer = await endpoint(service).start_webrtc_call(OFFER, SESSION)
    assert (answer.sdp, answer.rtc_call_id) == (ANSWER, "rtc_1")
    (request,) = service.requests
    assert request.target == "/v1/realtime/calls"
    form = form_of(request)
    assert form["sdp"].decode() == OFFER
    assert json.loads(form["session"]) == SESSION


@pytest.mark.parametrize(
    "location",
    ["/v1/realtime/calls/rtc_9", "rtc_9", "http://elsewhere.invalid/v1/realtime/calls/rtc_9?x=1", "/calls/rtc_9/"],
)
async def test_the_call_is_the_last_part_of_the_location(location: str) -> None:
    async with serving(CallsService(location=location)) as service:
        answer = await endpoint(service).start_webrtc_call(OFFER, SESSION)
    assert answer.rtc_call_id == "rtc_9"


@pytest.mark.parametrize("one_step", [False, True])
async def test_a_missing_location_header_is_an_error(one_step: bool) -> None:
    async with serving(CallsService(one_step=one_step, location=None)) as service:
        with pytest.raises(ProviderError, match="no call id") as failed:
            await endpoint(service).start_webrtc_call(OFFER, SESSION)
    assert not failed.value.retry


@pytest.mark.parametrize("one_step", [False, True])
async def test_a_wrong_key_is_reported_and_not_shown(one_step: bool) -> None:
    async with serving(CallsService(one_step=one_step)) as service:
        with pytest.raises(ProviderError, match="401: wrong credentials") as failed:
            await endpoint(service, key="not-the-key").start_webrtc_call(OFFER, SESSION)
    assert (failed.value.code, failed.value.retry) == (401, False)
    assert_nothing_secret(failed.value, "not-the-key")


@pytest.mark.parametrize(("status", "retry"), [(400, False), (404, False), (429, True), (500, True)])
async def test_a_refused_offer_says_whether_to_try_again(status: int, retry: bool) -> None:
    async with serving(CallsService(refuse={"/v1/realtime/calls": status})) as service:
        with pytest.raises(ProviderError, match=f"{status}: no, thank you") as failed:
            await endpoint(service).start_webrtc_call(OFFER, SESSION)
    assert (failed.value.code, failed.value.retry) == (status, retry)
    assert_nothing_secret(failed.value)


@pytest.mark.parametrize("secret", [b"{}", b"[]", b"none", b'{"value": null}', b'{"value": ""}'])
async def test_a_response_without_a_secret_is_an_error(secret: bytes) -> None:
    async with serving(CallsService(secret=secret)) as service:
        with pytest.raises(ProviderError, match="no ephemeral secret"):
            await endpoint(service).start_webrtc_call(OFFER, SESSION)
    assert len(service.requests) == 1


@pytest.mark.parametrize("one_step", [False, True])
async def test_a_redirect_is_refused_so_that_no_other_host_sees_the_key(one_step: bool) -> None:
    service = CallsService(one_step=one_step)
    async with serving(CallsService()) as other, serving(service):
        service.redirect_to = f"{other.url}/realtime/calls"
        with pytest.raises(ProviderError, match="307"):
            await endpoint(service).start_webrtc_call(OFFER, SESSION)
    assert other.requests == []


async def test_an_unreachable_service_is_reported_without_secrets() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and nobody listens
        service = CallsService(url=f"http://127.0.0.1:{taken.getsockname()[1]}/v1")
        with pytest.raises(ProviderError, match="cannot be reached") as failed:
            await endpoint(service).start_webrtc_call(OFFER, SESSION)
    assert failed.value.retry
    assert_nothing_secret(failed.value)


async def test_hanging_up_names_the_call_and_our_key() -> None:
    async with serving(CallsService()) as service:
        await endpoint(service).hang_up("rtc_1")
    (request,) = service.requests
    assert (request.method, request.target) == ("POST", "/v1/realtime/calls/rtc_1/hangup")


async def test_hanging_up_an_ended_call_is_not_an_error() -> None:
    async with serving(CallsService(refuse={"/v1/realtime/calls/rtc_1/hangup": 404})) as service:
        await endpoint(service).hang_up("rtc_1")


async def test_hanging_up_with_a_wrong_key_is_an_error() -> None:
    async with serving(CallsService()) as service:
        with pytest.raises(ProviderError, match="401"):
            await endpoint(service, key="not-the-key").hang_up("rtc_1")


def assert_nothing_secret(error: ProviderError, *more: str) -> None:
    told = f"{error} {error.hint} {error!r} {error.__cause__}"
    for secret in (KEY, SECRET, "password-of-the-offer", *more):
        assert secret not in told
