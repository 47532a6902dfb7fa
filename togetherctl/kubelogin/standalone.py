"""Make a profile for standalone mode from a kubeconfig user with `auth-provider: oidc`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from togetherctl.config.profile import Profile
from togetherctl.errors import KubeconfigError, run
from togetherctl.kube.auth_provider import AuthProvider, find_user
from togetherctl.kube.kubeconfig import kubeconfig_files
from togetherctl.kubelogin import PLUGIN
from togetherctl.kubelogin.flags import Flags
from togetherctl.kubelogin.profile import WrongFlag, home_path, profile_of

_KEY_OF_FLAG = {
    "--oidc-issuer-url": "idp-issuer-url",
    "--oidc-client-id": "client-id",
    "--oidc-extra-scope": "extra-scopes",
    "--certificate-authority-data": "idp-certificate-authority-data",
}


def provider_meant(flags: Flags, environ: Mapping[str, str]) -> AuthProvider:
    """The user that `--kubeconfig`, `--context` and `--user` mean. Raises KubeconfigError."""
    named = str(home_path(flags.kubeconfig, environ)) if flags.kubeconfig else None
    return find_user(kubeconfig_files(named, environ), context=flags.context, user=flags.user)


def profile_for(
    provider: AuthProvider, flags: Flags, environ: Mapping[str, str], *, warn: Callable[[str], None]
) -> Profile:
    """How this user logs in: what the kubeconfig says, and the flags for the rest.

    Raises UsageError for a flag, and KubeconfigError for a value of the kubeconfig, that makes no sense.
    """
    whole = replace(
        flags,
        oidc_issuer_url=provider.issuer,
        oidc_client_id=provider.client_id,
        oidc_client_secret=provider.client_secret,
        oidc_extra_scope=provider.scopes,
        certificate_authority=(*flags.certificate_authority, *_ca_file(provider, environ)),
        certificate_authority_data=(
            *flags.certificate_authority_data,
            *([provider.ca_data] if provider.ca_data else []),
        ),
    )
    try:
        profile = profile_of(whole, environ, command="standalone", warn=warn)
    except WrongFlag as error:
        key = _KEY_OF_FLAG.get(error.flag)
        if key is None or error.flag.removeprefix("--") in flags.typed:
            raise
        raise KubeconfigError(
            f"{key} of the user {provider.user} in {provider.path} {error.reason}", hint=error.remedy
        ) from None
    return replace(profile, configless=run(*PLUGIN.split(), *flags.words()))


def _ca_file(provider: AuthProvider, environ: Mapping[str, str]) -> list[str]:
    """The CA file: beside the kubeconfig, as paths in one are; kubectl takes this one from the current folder."""
    if not provider.ca_file:
        return []
    path = home_path(provider.ca_file, environ)
    beside = provider.path.parent / provider.ca_file
    return [str(beside if not provider.ca_file.startswith("~") and beside.is_file() else path)]
