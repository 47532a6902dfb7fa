"""Verify the TLS certificate of a cluster by client-go's rules, which differ from those for issuers."""

from __future__ import annotations

from base64 import b64decode
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from togetherctl.connection_settings import Connection
from togetherctl.disk import read_whole
from togetherctl.errors import ConfigError

if TYPE_CHECKING:
    import ssl

    from togetherctl.config.config import Cluster

_MAX_CA_BYTES = 16 * 1024 * 1024


@dataclass(frozen=True)
class ClusterConnection(Connection):
    """How to reach one cluster: authorities it names are trusted alone, and `server_name` is what to expect."""

    cluster: str = ""
    server_name: str | None = None

    @classmethod
    def of(cls, cluster: Cluster) -> ClusterConnection:
        return cls(
            ca_files=(cluster.ca_file,) if cluster.ca_file else (),
            ca_data=cluster.ca_data,
            insecure=cluster.insecure,
            proxy=cluster.proxy_url,
            cluster=cluster.name,
            server_name=cluster.tls_server_name,
        )

    def tls_context(self) -> ssl.SSLContext:
        """As client-go has it. Raises ConfigError where the authorities cannot be read."""
        authorities = self._authorities()
        if not authorities and self.server_name is None:
            return super().tls_context()
        import ssl

        # Without the strictness newer Pythons add to a default context: the authorities that clusters make do not pass.
        context: ssl.SSLContext = (
            _context_for_name(self.server_name) if self.server_name else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        )
        if authorities:
            try:
                context.load_verify_locations(cadata=authorities)
            except ssl.SSLError:
                raise ConfigError(
                    f"the certificate authority of cluster {self.cluster} is no PEM certificate"
                ) from None
            # Go takes every certificate it is given for an anchor, an intermediate one too.
            context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
        else:
            context.load_default_certs()
        if self.insecure:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    def quick_tls_context(self) -> ssl.SSLContext | None:
        """None: no part of an issuer's trust is a cluster's, whose authorities are trusted alone."""
        return None

    def _authorities(self) -> str:
        try:
            if self.ca_data:
                return b64decode(self.ca_data).decode("ascii")
            return "".join(read_whole(path, limit=_MAX_CA_BYTES)[0].decode("ascii") for path in self.ca_files)
        except OSError as error:
            raise ConfigError(
                f"the CA file of cluster {self.cluster} cannot be read: {self.ca_files[0]}: {error.strerror}"
            ) from None
        except ValueError:
            raise ConfigError(f"the certificate authority of cluster {self.cluster} is no PEM certificate") from None


def is_authority(ca_data: str) -> bool:
    """Whether base64 of PEM holds certificates that can be read, as every client will try."""
    import ssl

    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(cadata=b64decode(ca_data).decode("ascii"))
    except (ValueError, ssl.SSLError):
        return False
    return True


def _context_for_name(name: str) -> ssl.SSLContext:
    """A context that expects a certificate for `name`, whatever the address of the server."""
    import ssl

    class ContextForName(ssl.SSLContext):
        def wrap_socket(self, *args: Any, **options: Any) -> ssl.SSLSocket:
            return super().wrap_socket(*args, **{**options, "server_hostname": name})

        def wrap_bio(self, *args: Any, **options: Any) -> ssl.SSLObject:
            return super().wrap_bio(*args, **{**options, "server_hostname": name})

    return ContextForName(ssl.PROTOCOL_TLS_CLIENT)
