"""Serve a finished credential from its ready file, after the checks that make sure it is still good.

The shim asks the same questions in POSIX sh. This file loads nothing but `os`, `sys` and `time`, because with a good
ready file it is all that runs. What it does not understand it leaves to the command line.
"""

import os
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    Find = Callable[[Sequence[str], Mapping[str, str]], bytes | None]

# The first words of a ready file's header; a change of form is a change here, and in the shim.
FORM = "togetherctl-ready 2"
# How ready files begin of what the agent gave that TOGETHERCTL_AGENT names; no profile is called so.
FORWARDED = ".agent-"
_LONGEST_NAME = 63
_MAX_BYTES = 128 * 1024
# What the credential in a ready file begins with; for clients that ask for another version, its name is put in there.
_BEGINS = b'{"apiVersion":"client.authentication.k8s.io/v1",'
_VERSIONS = ("v1", "v1beta1")


def serve(arguments: "Sequence[str]", environ: "Mapping[str, str]", find: "Find | None" = None) -> "int | None":
    """Print the credential and return the exit code; None where the command line must do the work.

    `find` looks for it, if not under the name of a profile.
    """
    try:
        credential = (find or _find_credential)(arguments, environ)
    except (OSError, ValueError):
        return None
    if credential is None:
        return None
    try:
        while credential:
            credential = credential[os.write(1, credential) :]
    except BrokenPipeError:
        return 1
    except OSError as error:
        sys.stderr.write(f"togetherctl: {error.strerror}\n")
        return 1
    return 0


def header(profile: str, *, written: int, until: int, length: int, key: str, state: str, made_of: str) -> str:
    """The first line of a ready file, which says for whom and how long the second is good.

    `written` and `until` in seconds since 1970; `length` of the second line without its end; `key` of the session it
    came from; `state` of the configuration, `-` without one; `made_of` is said by `place`.
    """
    return f"{FORM} {profile} {written} {until} {length} {key} {state} {made_of}\n"


def place(config: str, sessions: str) -> str:
    """What the ready files of a configuration's profiles are made of: its path and that of the sessions."""
    # No path has this within it.
    return f"{config}/{sessions}"


def state(status: os.stat_result) -> str:
    """What tells the configuration with this `status` from every other, one of the same time included."""
    return f"{status.st_mtime_ns},{status.st_ctime_ns},{status.st_size},{status.st_ino}"


def credential(path: str, *, profile: str, config: str, sessions: str, now: float) -> "bytes | None":
    """The credential in a ready file, with the end of its line; None unless it is good. Raises OSError and ValueError.

    `now` in seconds since 1970; `config` and `sessions` are the paths of the configuration and of the sessions.
    """
    made_of, known = place(config, sessions), state(os.stat(config))
    return read_ready(path, named=profile, made_of=made_of, sessions=sessions, now=now, known=known)


def read_ready(path: str, *, named: str, made_of: str, sessions: str, now: float, known: str = "-") -> "bytes | None":
    """The credential in the ready file called `named`, if its header ends with `known` and `made_of`, as `credential`.

    `known` is the state of the configuration, and the file has to have the mtime of its session.
    """
    # A folder of another user, or a symlink, is not ours.
    folder = os.lstat(os.path.dirname(path))
    if folder.st_uid != os.geteuid() or folder.st_mode & 0o170000 != 0o040000:
        return None
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        status = os.fstat(descriptor)
        # Who else may read it is not asked, because sh cannot ask it; the folder was private when it was written.
        if status.st_uid != os.geteuid() or status.st_mode & 0o170000 != 0o100000:
            return None
        data = os.read(descriptor, _MAX_BYTES)
    finally:
        os.close(descriptor)
    first, _, body = data.partition(b"\n")
    words = first.decode("utf-8", "surrogateescape").split(" ", 8)
    form, version, name, written, until, length, key, read, where = words
    if f"{form} {version}" != FORM or name != named or read != known or where != made_of:
        return None
    if not int(written) <= now < int(until) or len(body) != int(length) + 1 or not body.endswith(b"\n"):
        return None
    # What a forwarded agent gave is good for as long as its socket is there: no KEY begins like a path.
    session, kind = (os.lstat(key), 0o140000) if key[:1] == "/" else (os.stat(f"{sessions}/{key}.json"), 0o100000)
    # Any other session is another one, whoever has put it there.
    if status.st_mtime_ns != session.st_mtime_ns:
        return None
    return body if session.st_mode & 0o170000 == kind else None


def _find_credential(arguments: "Sequence[str]", environ: "Mapping[str, str]") -> "bytes | None":
    asked = _read_arguments(arguments)
    agent = environ.get("TOGETHERCTL_AGENT")
    if asked is None or (environ.get("TOGETHERCTL_CONFIG") and not agent):
        return None
    name, otherwise = asked
    version = wanted_version(environ.get("KUBERNETES_EXEC_INFO", ""), otherwise)
    if agent:
        # Whatever the configuration says, and where there is none.
        runtime = environ.get("XDG_RUNTIME_DIR")
        if not runtime or version is None:
            return None
        path = f"{runtime}/togetherctl/ready/{FORWARDED}{name}"
        return in_version(read_ready(path, named=name, made_of=agent, sessions="", now=time.time()), version)
    places = _locate_folders(environ)
    if places is None or version is None:
        return None
    config, state, cache = places
    folders = [f"{cache}/ready"]
    if environ.get("XDG_RUNTIME_DIR"):
        folders.append(f"{environ['XDG_RUNTIME_DIR']}/togetherctl/ready")
    for folder in folders:
        if os.path.exists(f"{folder}/{name}"):
            found = credential(
                f"{folder}/{name}",
                profile=name,
                config=f"{config}/config.toml",
                sessions=f"{state}/sessions",
                now=time.time(),
            )
            return in_version(found, version)
    return None


def _read_arguments(arguments: "Sequence[str]") -> "tuple[str, str] | None":
    """The profile and the version that are named, where nothing else is."""
    if len(arguments) not in (3, 5) or list(arguments[:2]) != ["get-token", "--profile"] or os.name != "posix":
        return None
    name = arguments[2]
    option, version = arguments[3:] or ("--api-version", "v1")
    if option != "--api-version" or version not in _VERSIONS:
        return None
    if not name or len(name) > _LONGEST_NAME or name[0] == "." or "/" in name or " " in name:
        return None
    return name, version


def wanted_version(info: str, otherwise: str) -> "str | None":
    """The version of the answer that `KUBERNETES_EXEC_INFO` asks for; None where that needs a reader of JSON."""
    # One apiVersion of the object itself, and nothing escaped: the rest needs a reader of JSON.
    if not info:
        return otherwise
    before, _, rest = info.partition('"apiVersion":')
    itself = before[:1] == "{" and "{" not in before[1:] and "[" not in before
    if not itself or "\\" in info or info.count("apiVersion") != 1:
        return None
    rest = rest[1:] if rest[:1] == " " else rest
    for version in _VERSIONS:
        if rest.startswith(f'"client.authentication.k8s.io/{version}"'):
            return version
    return None


def in_version(found: "bytes | None", version: str) -> "bytes | None":
    """The credential of a ready file under the version that is wanted."""
    if version == "v1" or found is None:
        return found
    if not found.startswith(_BEGINS):
        return None
    return b'{"apiVersion":"client.authentication.k8s.io/%b",%b' % (version.encode("ascii"), found[len(_BEGINS) :])


def _locate_folders(environ: "Mapping[str, str]") -> "tuple[str, str, str] | None":
    """The folders of configuration, state and cache, as `paths.locate` gives them; None where that takes more."""
    home = environ.get("TOGETHERCTL_HOME", "")
    if home:
        if not home.startswith("/"):
            return None
        home = os.path.normpath(home)
        return home, f"{home}/state", f"{home}/cache"
    places = []
    for name, default in (
        ("XDG_CONFIG_HOME", ".config"),
        ("XDG_STATE_HOME", ".local/state"),
        ("XDG_CACHE_HOME", ".cache"),
    ):
        folder = environ.get(name, "")
        if not folder.startswith("/"):
            if not environ.get("HOME", "").startswith("/"):
                return None
            folder = f"{environ['HOME']}/{default}"
        places.append(f"{os.path.normpath(folder)}/togetherctl")
    return places[0], places[1], places[2]
