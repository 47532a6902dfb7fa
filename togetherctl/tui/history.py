"""What happened to a session between two looks, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from togetherctl.auth.session import Session
    from togetherctl.tui.looking import Looked


def what_happened(before: Looked, after: Looked) -> Iterator[str]:
    """Each thing that changed. Nothing is told of what was not looked at before."""
    if not before.looked:
        return
    if after.login is not None and before.login is None:
        yield f"a login began in process {after.login.owner}"
    was, now = before.session, after.session
    if was is None and now is not None:
        yield f"logged in as {now.identity}"
    elif was is not None and now is None:
        yield f"the session of {was.identity} ended"
    elif was is not None and now is not None and _tokens(was) != _tokens(now):
        yield "new tokens" if was.subject == now.subject else f"logged in as {now.identity}"
    if after.trouble is not None and after.trouble != before.trouble:
        yield after.trouble.message


def _tokens(session: Session) -> tuple[object, object]:
    return session.id_token, session.access_token
