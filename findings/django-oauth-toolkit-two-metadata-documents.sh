#!/usr/bin/env bash
# django-oauth-toolkit 3.4.1 publishes two metadata documents for one issuer, and neither is whole. OpenID's
# (/.well-known/openid-configuration) has no revocation_endpoint; OAuth's (RFC 8414) has one and lists
# no end_session_endpoint. The endpoint for device codes, which the toolkit has, is in neither, though OAuth's
# document lists its grant. For revocation it lists methods with a client secret alone; the request of a public client
# without one is answered with 200 all the same.
#
# Seen with Django 5.2.19, oauthlib 3.3.1 and Python 3.11, in November 2026:
#   openid-configuration only: claims_supported end_session_endpoint id_token_signing_alg_values_supported
#     prompt_values_supported subject_types_supported userinfo_endpoint
#   oauth-authorization-server only: grant_types_supported introspection_endpoint
#     introspection_endpoint_auth_methods_supported revocation_endpoint revocation_endpoint_auth_methods_supported
#   device_authorization_endpoint: in neither; the grant is listed: True; POST: 200
#   revocation: listed for client_secret_basic client_secret_post; without a secret: 200
#
# Exits non-zero where that has changed.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
  django-oauth-toolkit==3.4.1 Django==5.2.19 oauthlib==3.3.1

cat >"$work/ask.py" <<'PYTHON'
import django
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.conf import settings
from django.urls import include, path

key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
settings.configure(
    ALLOWED_HOSTS=["testserver"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "oauth2_provider"],
    OAUTH2_PROVIDER={
        "OAUTH_DEVICE_VERIFICATION_URI": "http://testserver/o/device/",
        "OIDC_ENABLED": True,
        "OIDC_RP_INITIATED_LOGOUT_ENABLED": True,
        "OIDC_RSA_PRIVATE_KEY": key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode(),
        "SCOPES": {"openid": "OpenID Connect"},
    },
    ROOT_URLCONF=__name__,
    SECRET_KEY="for one process",
    USE_TZ=True,
)
django.setup()

from django.core.management import call_command
from django.test import Client
from oauth2_provider.models import Application

urlpatterns = [path("o/", include("oauth2_provider.urls"))]
call_command("migrate", verbosity=0)
for name, grant in (("a-person", "authorization-code"), ("a-device", "urn:ietf:params:oauth:grant-type:device_code")):
    Application.objects.create(
        client_id=name, client_type="public", authorization_grant_type=grant, redirect_uris="http://localhost:8000"
    )


def post(where: str, body: str) -> int:
    return Client().post(where, body, content_type="application/x-www-form-urlencoded").status_code


openid = Client().get("/o/.well-known/openid-configuration").json()
oauth = Client().get("/o/.well-known/oauth-authorization-server").json()
assert openid["issuer"] == oauth["issuer"]
print("openid-configuration only:", *sorted(openid.keys() - oauth.keys()))
print("oauth-authorization-server only:", *sorted(oauth.keys() - openid.keys()))
listed = "urn:ietf:params:oauth:grant-type:device_code" in oauth["grant_types_supported"]
where = [kind for kind in (openid, oauth) if "device_authorization_endpoint" in kind]
device = post("/o/device-authorization/", "client_id=a-device&scope=openid")
print(f"device_authorization_endpoint: in {len(where) or 'neither'}; the grant is listed: {listed}; POST: {device}")
methods = " ".join(sorted(oauth["revocation_endpoint_auth_methods_supported"]))
alone = post("/o/revoke_token/", "client_id=a-person&token=unknown")
print(f"revocation: listed for {methods}; without a secret: {alone}")
PYTHON

seen=$("$work/venv/bin/python" "$work/ask.py")
echo "$seen"
# The head comment, its broken lines joined again.
expected=$(sed -n '/^# Seen with/,/^#$/p' "$0" | sed -n 's/^#   //p' | sed -e ':a' -e 'N' -e '$!ba' -e 's/\n  */ /g')
[ "$seen" = "$expected" ]
