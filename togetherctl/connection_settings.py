"""How to reach one issuer or API: trusted certificates, proxy, headers."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from pathlib import Path

from togetherctl.disk import read_whole
from togetherctl.errors import ConfigError
from togetherctl.records import dataclass, field

TYPE_CHECKING = False
if TYPE_CHECKING:
    import ssl

_MAX_CA_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True)
class Connection:
    """How to reach one issuer or API: extra certificate authorities, proxy, headers. Its repr shows no header value."""

    ca_files: tuple[Path, ...] = ()
    ca_data: str | None = field(default=None, repr=False)
    insecure: bool = False
    proxy: str | None = field(default=None, repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    def tls_context(self) -> ssl.SSLContext:
        """The system's trust, and the extra authorities. Raises ConfigError where those cannot be read."""
        import ssl

        if sys.platform in ("darwin", "win32"):
            import truststore

            context: ssl.SSLContext = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        else:
            context = ssl.create_default_context()
        return self._with_own(context)

    def quick_tls_context(self) -> ssl.SSLContext | None:
        """A part of what `tls_context` trusts that is read in no time; None where no part is.

        OpenSSL looks up authorities in a folder one by one, when it meets their names, but reads a bundle of all of
        them whole, for tens of milliseconds. What fails with this context has to be tried with the other.
        """
        import ssl

        folder = None if sys.platform in ("darwin", "win32") else ssl.get_default_verify_paths().capath
        if folder is None:
            return None
        return self._with_own(ssl.create_default_context(capath=folder))

    def _with_own(self, context: ssl.SSLContext) -> ssl.SSLContext:
        import ssl

        for path in self.ca_files:
            try:
                # First, because the library would wait for a pipe.
                read_whole(path, limit=_MAX_CA_BYTES)
                context.load_verify_locations(cafile=path)
            except (OSError, ssl.SSLError) as error:
                reason = "holds no PEM certificate" if isinstance(error, ssl.SSLError) else error.strerror
                raise ConfigError(f"the CA file {path} cannot be used: {reason}") from None
        if self.ca_data:
            from base64 import b64decode

            try:
                context.load_verify_locations(cadata=b64decode(self.ca_data).decode("ascii"))
            except (ValueError, ssl.SSLError):
                raise ConfigError("ca_data of the issuer holds no PEM certificate") from None
        if self.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context
