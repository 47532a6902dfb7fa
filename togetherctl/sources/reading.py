"""Reading a source that is a file, a folder, an https address or standard input: offers, or a bundle."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from togetherctl.errors import ConfigError
from togetherctl.kube.kubeconfig import decoded
from togetherctl.sources import bundle_place
from togetherctl.sources.kubeconfigs import from_folder, from_text
from togetherctl.sources.recognise import is_bundle
from togetherctl.sources.wrapped import unwrapped

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import BinaryIO

    from togetherctl.sources.bundle_place import Taken
    from togetherctl.sources.offer import Found
    from togetherctl.sources.recognise import Source


def read_source(
    source: Source,
    environ: Mapping[str, str],
    *,
    stdin: Callable[[], BinaryIO] | None = None,
    log: Callable[[str], None],
) -> Found | Taken:
    """What kubeconfigs offer, or a bundle as it was taken. Raises TogetherctlError where it cannot be read."""
    if source.kind == "folder" and source.path is not None:
        return from_folder(source.path, environ)
    taken = bundle_place.take(source.word, environ, stdin=stdin, log=log)
    if source.kind == "url" or is_bundle(taken.text):
        return taken
    try:
        text, _ = decoded(taken.text)
    except UnicodeDecodeError:
        raise ConfigError(
            f"{taken.origin} is neither a kubeconfig nor a bundle: it is neither UTF-8 text nor UTF-16 with a byte "
            "order mark"
        ) from None
    text = unwrapped(text, taken.origin)
    return from_text(text, environ, path=source.path or Path.cwd() / taken.origin, origin=taken.origin)
