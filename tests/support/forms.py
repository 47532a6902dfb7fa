"""The forms on a provider's pages, filled in as a person would who wants to go on."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser

# What a button that ends the login is called, by its name or its value.
_SAYS_NO = frozenset({"abort", "cancel", "decline", "deny", "no", "reject"})


@dataclass
class Form:
    """One form that is posted: where to, and its fields in their order as (kind, name, value)."""

    action: str
    fields: list[tuple[str, str, str]] = field(default_factory=list)

    def filled_in(self, *, name: str, password: str) -> dict[str, str]:
        """What a browser sends after a person typed their name and password, ticked every box and pressed the button
        that agrees. A text field that is filled in already stays as it is.
        """
        sent: dict[str, str] = {}
        for kind, field_name, value in self.fields:
            match kind:
                case "hidden" | "checkbox":
                    sent[field_name] = value
                case "text" | "email":
                    sent[field_name] = value or name
                case "password":
                    sent[field_name] = password
        buttons = [(button, value) for kind, button, value in self.fields if kind == "submit" and button]
        sent |= dict([pair for pair in buttons if not _SAYS_NO & {word.lower() for word in pair}][:1])
        return sent


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.forms: list[Form] = []
        self._open: Form | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if tag == "form":
            self._open = Form(found.get("action", ""))
            if found.get("method", "").lower() == "post":
                self.forms.append(self._open)
        elif self._open is not None and tag in {"input", "button"}:
            kind = found.get("type", "text" if tag == "input" else "submit").lower()
            value = found.get("value", "on" if kind == "checkbox" else "")
            if found.get("name") or kind == "submit":
                self._open.fields.append((kind, found.get("name", ""), value))

    def handle_endtag(self, tag: str) -> None:
        if tag == "form":
            self._open = None


def first_form(page: str) -> Form | None:
    """The first form of a page that is posted; None where there is none."""
    reader = _Reader()
    reader.feed(page)
    return reader.forms[0] if reader.forms else None
