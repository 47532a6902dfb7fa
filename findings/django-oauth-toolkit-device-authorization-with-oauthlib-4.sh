#!/usr/bin/env bash
# django-oauth-toolkit 3.4.1 asks for oauthlib 3.3 or newer. With oauthlib 4.0.1 its device authorization endpoint
# (RFC 8628, 3.1) answers a valid request with HTTP 500: oauthlib 4 adds `scope` to the answer, which
# oauth2_provider.models.DeviceCodeResponse has no field for. With oauthlib 3.3.1 the same request gets its codes.
#
# Seen with Django 5.2.19 and Python 3.11, in November 2026:
#   oauthlib 4.0.1: TypeError: DeviceCodeResponse.__init__() got an unexpected keyword argument 'scope'
#   oauthlib 3.3.1: 200 ['device_code', 'expires_in', 'interval', 'user_code', 'verification_uri']
#
# Exits non-zero where that has changed.
set -euo pipefail

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"

cat >"$work/ask.py" <<'PYTHON'
import django
from django.conf import settings
from django.urls import include, path

settings.configure(
    ALLOWED_HOSTS=["testserver"],
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": ":memory:"}},
    INSTALLED_APPS=["django.contrib.auth", "django.contrib.contenttypes", "oauth2_provider"],
    OAUTH2_PROVIDER={
        "OAUTH_DEVICE_VERIFICATION_URI": "http://testserver/o/device/",
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
Application.objects.create(
    client_id="a-device",
    client_type="public",
    authorization_grant_type="urn:ietf:params:oauth:grant-type:device_code",
)
try:
    answer = Client().post(
        "/o/device-authorization/",
        "client_id=a-device&scope=openid",
        content_type="application/x-www-form-urlencoded",
    )
    print(answer.status_code, sorted(answer.json()))
except TypeError as error:
    print(f"TypeError: {error}")
PYTHON

failed=0
for pair in \
  "4.0.1|TypeError: DeviceCodeResponse.__init__() got an unexpected keyword argument 'scope'" \
  "3.3.1|200 ['device_code', 'expires_in', 'interval', 'user_code', 'verification_uri']"; do
  version=${pair%%|*} expected=${pair#*|}
  "$work/venv/bin/python" -m pip install --quiet --disable-pip-version-check \
    django-oauth-toolkit==3.4.1 Django==5.2.19 "oauthlib==$version"
  seen=$("$work/venv/bin/python" "$work/ask.py")
  echo "oauthlib $version: $seen"
  [ "$seen" = "$expected" ] || failed=1
done
exit "$failed"
