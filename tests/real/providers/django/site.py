"""django-oauth-toolkit on loopback, as its documentation sets it up: `python site.py SETTINGS`.

SETTINGS is JSON: folder (for the database), redirectUris, lifetime (seconds), password. The first line on stdout is the
issuer; the site ends when its stdin closes. One person has an account there: `me`.
"""

from __future__ import annotations

import json
import sys
import threading
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer

import django
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from django.conf import settings
from django.core.management import call_command
from django.core.wsgi import get_wsgi_application
from django.urls import include, path

CLIENT_ID = "togetherctl-tests"
given = json.loads(sys.argv[1])


class Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class Quiet(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 # http.server's name
        """Says nothing."""


server = Server(("127.0.0.1", 0), Quiet)
ISSUER = f"http://localhost:{server.server_port}/o"


def signing_key() -> str:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


settings.configure(
    ALLOWED_HOSTS=["localhost", "127.0.0.1"],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": str(Path(given["folder"]) / "site.sqlite3"),
            "OPTIONS": {"timeout": 20},
        }
    },
    DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    INSTALLED_APPS=[
        "django.contrib.admin",
        "django.contrib.auth",
        "django.contrib.contenttypes",
        "django.contrib.messages",
        "django.contrib.sessions",
        "oauth2_provider",
    ],
    LOGIN_URL="/accounts/login/",
    MIDDLEWARE=[
        "django.contrib.sessions.middleware.SessionMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django.middleware.csrf.CsrfViewMiddleware",
        "django.contrib.auth.middleware.AuthenticationMiddleware",
        "django.contrib.messages.middleware.MessageMiddleware",
    ],
    OAUTH2_PROVIDER={
        "ACCESS_TOKEN_EXPIRE_SECONDS": given["lifetime"],
        "ID_TOKEN_EXPIRE_SECONDS": given["lifetime"],
        "OAUTH_DEVICE_VERIFICATION_URI": f"{ISSUER}/device/",
        "OAUTH_DEVICE_VERIFICATION_URI_COMPLETE": f"{ISSUER}/device/?user_code={{user_code}}",
        "OIDC_ENABLED": True,
        "OIDC_RP_INITIATED_LOGOUT_ENABLED": True,
        "OIDC_RSA_PRIVATE_KEY": signing_key(),
        "SCOPES": {"openid": "OpenID Connect", "email": "Your address"},
    },
    PASSWORD_HASHERS=["django.contrib.auth.hashers.MD5PasswordHasher"],
    ROOT_URLCONF=__name__,
    SECRET_KEY="only for tests on loopback",
    TEMPLATES=[
        {
            "BACKEND": "django.template.backends.django.DjangoTemplates",
            "APP_DIRS": True,
            "OPTIONS": {
                "context_processors": [
                    "django.template.context_processors.request",
                    "django.contrib.auth.context_processors.auth",
                    "django.contrib.messages.context_processors.messages",
                ]
            },
        }
    ],
    USE_TZ=True,
)
django.setup()

from django.contrib import admin  # noqa: E402 # Django must be set up before its apps are imported
from django.contrib.auth.models import User  # noqa: E402
from django.contrib.auth.views import LoginView  # noqa: E402
from oauth2_provider import urls  # noqa: E402
from oauth2_provider.models import Application  # noqa: E402

urlpatterns = [
    path("accounts/login/", LoginView.as_view(template_name="admin/login.html")),
    path("admin/", admin.site.urls),
    path("o/", include("oauth2_provider.urls", namespace="oauth2_provider")),
    # Where RFC 8414 looks for the metadata of an issuer with a path.
    path("", include((urls.metadata_urlpatterns, "oauth2_provider"), namespace="metadata")),
]


def main() -> None:
    call_command("migrate", verbosity=0)
    User.objects.create_user("me", "me@example.com", given["password"])
    for client, grant in (
        (CLIENT_ID, "authorization-code"),
        ("device", "urn:ietf:params:oauth:grant-type:device_code"),
    ):
        Application.objects.create(
            client_id=client,
            name=client,
            client_type="public",
            authorization_grant_type=grant,
            redirect_uris=" ".join(given["redirectUris"]),
            algorithm="RS256",
        )
    server.set_app(get_wsgi_application())
    threading.Thread(target=server.serve_forever, daemon=True).start()
    sys.stdout.write(f"{ISSUER}\n")
    sys.stdout.flush()
    sys.stdin.read()


if __name__ == "__main__":
    main()
