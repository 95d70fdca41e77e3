"""Sign-in page: a form that takes the token and sets a cookie, without a script.

All its addresses are relative, so that they are correct under any prefix. The cookie has no `Path`, so it applies to
the page's folder. The page leads only to the console's pages, and keeps their queries.
"""

from __future__ import annotations

import base64
import hashlib
import html
import math
from pathlib import Path
from urllib.parse import parse_qs

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import BaseRoute, Route

from trunkline.listener.client_address import address_of
from trunkline.listener.refusals import Refusals
from trunkline.web.auth_middleware import AUTHENTICATED, PAGE, WrongTokens, is_console_page
from trunkline.web.auth_token import SIGNED_IN_S
from trunkline.web.authority import Tokens
from trunkline.web.errors import ApiError
from trunkline.web.request_bodies import read_body
from trunkline.web.secure_cookies import HOST_PREFIX, is_secure, may_have_host_prefix

MAX_FORM_BYTES = 4 << 10
_MAX_FIELDS = 8
_FORM = "application/x-www-form-urlencoded"
_PAGES = Path(__file__).parent / "pages"
_STYLE = "".join((_PAGES / name).read_text(encoding="utf-8") for name in ("tokens.css", "sign_in.css"))
_STYLE_HASH = base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
_HEADERS = {
    "cache-control": "no-store",
    "content-security-policy": (
        f"default-src 'none'; style-src 'sha256-{_STYLE_HASH}'; img-src 'self' data:; form-action 'self'; "
        "base-uri 'none'; frame-ancestors 'none'"
    ),
    # With no-referrer, browsers send the form with `Origin: null`, which the guard refuses.
    "referrer-policy": "same-origin",
}
_MARK = (
    '<rect width="32" height="32" rx="8"/><path d="M7 10h18M16 10v13"/>'
    '<circle cx="7" cy="10" r="2.6"/><circle cx="25" cy="10" r="2.6"/><circle cx="16" cy="23" r="2.6"/>'
)
_ICON = (
    "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 32 32'%3E%3Crect width='32' height='32' "
    "rx='8' fill='%230b7a6f'/%3E%3Cpath d='M7 10h18M16 10v13' stroke='%23fff' stroke-width='3' "
    "stroke-linecap='round'/%3E%3C/svg%3E"
)


class SignIn:
    """Routes of the page.

    Args:
        tokens: the server's tokens.
        wrong: the limit on each client's wrong tokens.
        refusals: counts and logs the refused clients.
        timeout_s: the longest time in s that a client may take to send the form.
    """

    def __init__(self, tokens: Tokens, wrong: WrongTokens, refusals: Refusals, timeout_s: float) -> None:
        self._tokens = tokens
        self._wrong = wrong
        self._refusals = refusals
        self._timeout_s = timeout_s
        self.routes: list[BaseRoute] = [
            Route("/sign-in", self.show, methods=["GET"]),
            Route("/sign-in", self.sign_in, methods=["POST"]),
            Route("/sign-out", self.sign_out, methods=["POST"]),
        ]

    async def show(self, request: Request) -> Response:
        """Handle `GET /sign-in`."""
        return _page(_inside(request) if request.scope.get(AUTHENTICATED) else _form(request))

    async def sign_in(self, request: Request) -> Response:
        """Handle `POST /sign-in` with `token` in a form."""
        if wait_s := self._wrong.wait_s(request):  # before the comparison, or the client could continue to guess
            self._refusals.add("locked_out", address_of(request.scope))
            problem = f"Too many wrong tokens from this address. Try again in {math.ceil(wait_s)} s."
            return _page(_form(request, problem), 429, {"retry-after": str(math.ceil(wait_s))})
        if _content_type(request) != _FORM:
            return _page(_form(request, f"The content type is invalid: send the token as {_FORM}."), 415)
        try:
            shown = _token_in(await read_body(request, MAX_FORM_BYTES, self._timeout_s))
        except ApiError as error:
            return _page(_form(request, error.detail), error.status_code)
        found = self._tokens.find(shown)
        if found is None:
            self._refusals.add("wrong_token", address_of(request.scope), "sign-in page")
            await self._wrong.count(request)
            return _page(_form(request, "The token is invalid. Use the value of TRUNKLINE_TOKEN."), 401)
        response = RedirectResponse(_console(request), 303, {"cache-control": "no-store"})
        token = found[0]
        name = token.host_cookie if may_have_host_prefix(request) else token.cookie
        _set_cookie(request, response, name, token.sign_in(), SIGNED_IN_S)
        return response

    async def sign_out(self, request: Request) -> Response:
        """Handle `POST /sign-out`: invalidate this cookie and its copies."""
        response = RedirectResponse("sign-in", 303, {"cache-control": "no-store"})
        for token, _role in self._tokens:
            for name in token.cookies:
                if (cookie := request.cookies.get(name)) is not None:
                    token.sign_out(cookie)
                    _set_cookie(request, response, name, "", 0)
        return response


def _set_cookie(request: Request, response: Response, name: str, value: str, max_age_s: int) -> None:
    """Set a cookie: for the whole host if its name begins with `__Host-`, else for the page's folder."""
    response.set_cookie(
        name,
        value,
        max_age=max_age_s,
        path="/" if name.startswith(HOST_PREFIX) else None,
        secure=name.startswith(HOST_PREFIX) or is_secure(request),
        httponly=True,
        samesite="strict",
    )


def _content_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()


def _token_in(body: bytes) -> str:
    if body.count(b"&") >= _MAX_FIELDS:
        return ""
    return (parse_qs(body.decode("latin-1")).get("token") or [""])[0].strip()


def _console(request: Request) -> str:
    """Return the address of the console's page that the reader came from, with its query."""
    page = request.query_params.get(PAGE, "")
    query = request.url.remove_query_params(PAGE).query if page else request.url.query
    return f"./{page if is_console_page(page) else ''}{'?' if query else ''}{query}"


def _form(request: Request, problem: str | None = None) -> str:
    query = html.escape(f"?{request.url.query}" if request.url.query else "")
    invalid = ' aria-invalid="true" aria-describedby="problem"' if problem else ""
    alert = f'<p class="problem" id="problem" role="alert">{html.escape(problem)}</p>' if problem else ""
    # A link on another site sends no cookie, so a signed-in user may see this form, too.
    return f"""<h1>Sign in</h1>
<p>This server asks for its token, <code>TRUNKLINE_TOKEN</code>. Operators use
<code>TRUNKLINE_OPERATOR_TOKEN</code>.</p>{alert}
<form method="post" action="sign-in{query}">
<input type="text" name="username" value="trunkline" autocomplete="username" hidden>
<label for="token">Token</label>
<input id="token" name="token" type="password" autocomplete="current-password" required autofocus{invalid}>
<button type="submit">Sign in</button>
</form>
<p class="aside">Signed in already? <a href="{html.escape(_console(request))}">Open the console</a></p>"""


def _inside(request: Request) -> str:
    return f"""<h1>You are signed in</h1>
<a class="button" href="{html.escape(_console(request))}">Open the console</a>
<form method="post" action="sign-out"><button class="quiet" type="submit">Sign out</button></form>"""


def _page(content: str, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    page = f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>Sign in · Trunkline</title>
<link rel="icon" href="{_ICON}">
<style>{_STYLE}</style>
</head>
<body>
<main>
<p class="brand"><svg viewBox="0 0 32 32" aria-hidden="true">{_MARK}</svg>Trunkline</p>
{content}
</main>
</body>
</html>
"""
    return HTMLResponse(page, status, {**_HEADERS, **(headers or {})})
