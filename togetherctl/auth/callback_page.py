"""The page a browser shows at the end of a login: one file, no requests."""

from __future__ import annotations

from html import escape
from string import Template

from togetherctl.printable import printable

_STYLE = """
:root { color-scheme: light dark; --ink: #1b1f24; --soft: #57606a; --ground: #f6f7f9; --card: #ffffff;
  --line: #d8dee4; --good: #1a7f37; --bad: #b42318; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --soft: #9aa5b1; --ground: #0d1117; --card: #161b22;
  --line: #30363d; --good: #4ac26b; --bad: #ff7b72; } }
* { box-sizing: border-box; }
body { margin: 0; min-height: 100vh; display: grid; place-items: center; padding: 1.5rem; background: var(--ground);
  color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; }
main { width: 100%; max-width: 30rem; padding: 2rem; background: var(--card); border: 1px solid var(--line);
  border-radius: .75rem; border-top: .3rem solid var(--mark); }
h1 { margin: 0 0 .75rem; font-size: 1.375rem; line-height: 1.25; overflow-wrap: anywhere; }
p { margin: .5rem 0 0; overflow-wrap: anywhere; }
dl { margin: 1rem 0; display: grid; grid-template-columns: max-content 1fr; gap: .25rem 1rem; }
dt { color: var(--soft); } dd { margin: 0; overflow-wrap: anywhere; }
.done { --mark: var(--good); } .failed { --mark: var(--bad); }
.soft { color: var(--soft); } a { color: inherit; }
""".strip()

# The code in the address bar is spent, but no person needs to see it there or in the history.
_SCRIPT = "history.replaceState(null, '', location.pathname);"

_PAGE = Template(
    """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>$title</title>$refresh
<style>$style</style>
<script>$script</script>
</head>
<body>
<main class="$kind">
<h1>$title</h1>
$body
</main>
</body>
</html>
"""
)


def security_headers() -> dict[str, str]:
    """Headers for every answer of the loopback listener."""
    return {
        "Content-Security-Policy": (
            f"default-src 'none'; style-src '{_digest(_STYLE)}'; script-src '{_digest(_SCRIPT)}'; "
            "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        ),
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
        "X-Content-Type-Options": "nosniff",
        "Connection": "close",
    }


def success_page(*, identity: str, role: tuple[str, str], issuer: str, next_url: str | None = None) -> str:
    """The page after a login that worked. `role` is what logged in, `next_url` where it leads on to."""
    rows = "".join(
        f"<dt>{name}</dt><dd>{_html(value)}</dd>" for name, value in (("Account", identity), role, ("Issuer", issuer))
    )
    if next_url is None:
        ending = '<p class="soft">You can close this tab and go back to your terminal.</p>'
    else:
        ending = f'<p>Going on to <a href="{escape(next_url)}">{_html(next_url)}</a>.</p>'
    refresh = f'\n<meta http-equiv="refresh" content="0; url={escape(next_url)}">' if next_url else ""
    return _fill_in("done", f"Logged in as {_html(identity)}", f"<dl>{rows}</dl>\n{ending}", refresh)


def failure_page(message: str, hint: str | None = None) -> str:
    """The page after a login that did not work."""
    body = f"<p>{_html(_sentence(message))}</p>"
    if hint:
        body += f'\n<p class="soft">{_html(_sentence(hint))}</p>'
    return _fill_in("failed", "Login failed", f'{body}\n<p class="soft">Your terminal says more.</p>')


def stray_page(message: str) -> str:
    """The page for a browser that comes here without a login that is being waited for."""
    return _fill_in("failed", "Not the page you are looking for", f"<p>{_html(message)}</p>")


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:] + ("" if text.endswith(".") else ".")


def _fill_in(kind: str, title: str, body: str, refresh: str = "") -> str:
    return _PAGE.substitute(kind=kind, title=title, body=body, refresh=refresh, style=_STYLE, script=_SCRIPT)


def _html(text: str) -> str:
    return escape(printable(text, limit=500))


def _digest(source: str) -> str:
    from base64 import b64encode
    from hashlib import sha256

    return f"sha256-{b64encode(sha256(source.encode()).digest()).decode('ascii')}"
