"""Write the shim: the POSIX script that kubeconfigs call, which starts ten times as fast as Python.

It serves a good ready file with nothing but built-ins and one `date`, and hands everything else to togetherctl. It
asks what `fastpath` asks; the form of a ready file is described there.
"""

from __future__ import annotations

import re
import shlex
import stat
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from togetherctl.disk import is_ours, make_private_folder, open_to_others, read_whole, write_whole
from togetherctl.environment import CONFIG, HOME, for_child
from togetherctl.errors import StorageError, run
from togetherctl.fastpath import FORM
from togetherctl.paths import Paths, locate

_MODE = 0o700
_MAX_BYTES = 64 * 1024
_TRY_SECONDS = 30.0
_FOLDERS = ("XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME")

_SCRIPT = """\
#!/bin/sh
# Serves Kubernetes clients a credential that is ready, and hands everything else to togetherctl.
# Written by `togetherctl kubeconfig write`, for this machine; what is changed here is lost.
home=@home@
user_home=@user_home@
config_home=@config_home@
state_home=@state_home@
cache_home=@cache_home@
config=@config@
sessions=@sessions@
ready=@ready@
python=@python@
program=@program@

serve() {
  asked=v1
  case $#,${4-},${5-} in
    3,,) ;;
    5,--api-version,v1 | 5,--api-version,v1beta1) asked=$5 ;;
    *) return 1 ;;
  esac
  [ "$1" = get-token ] && [ "$2" = --profile ] || return 1
  case $3 in '' | .* | */*) return 1 ;; esac
  [ -z "${TOGETHERCTL_CONFIG-}" ] && [ "${TOGETHERCTL_HOME:-$home}" = "$home" ] || return 1
  [ -n "$home" ] || same_folders || return 1
  # One apiVersion, that one, of the object itself, and nothing escaped: the rest is for whoever reads JSON.
  case ${KUBERNETES_EXEC_INFO-} in
    '') ;;
    *\\\\* | *apiVersion*apiVersion*) return 1 ;;
    '{'*'"apiVersion":"client.authentication.k8s.io/v1"'*) asked=v1 ;;
    '{'*'"apiVersion": "client.authentication.k8s.io/v1"'*) asked=v1 ;;
    '{'*'"apiVersion":"client.authentication.k8s.io/v1beta1"'*) asked=v1beta1 ;;
    '{'*'"apiVersion": "client.authentication.k8s.io/v1beta1"'*) asked=v1beta1 ;;
    *) return 1 ;;
  esac
  before=${KUBERNETES_EXEC_INFO-}
  before=${before%%'"apiVersion":'*}
  case ${before#?} in *'{'* | *'['*) return 1 ;; esac
  # From here on, another call of this profile may bring what is missing.
  waits=yes
  file=$ready/$3
  [ -e "$file" ] || file=${XDG_RUNTIME_DIR:-$ready}/togetherctl/ready/$3
  folder=${file%/*}
  [ -d "$folder" ] && [ ! -L "$folder" ] && [ -O "$folder" ] || return 1
  [ -f "$file" ] && [ ! -L "$file" ] && [ -O "$file" ] && [ -f "$config" ] || return 1
  # It bears the mtime that the store had when it was read: any other store is another store.
  if [ "$config" -nt "$file" ] || [ "$config" -ot "$file" ]; then return 1; fi
  {
    IFS=' ' read -r form version profile written until length key store && IFS= read -r credential || return 1
  } <"$file"
  [ "$form $version" = @form@ ] && [ "$profile" = "$3" ] && [ "$store" = "$config" ] || return 1
  [ "${#credential}" = "$length" ] && [ -f "$sessions/$key.json" ] || return 1
  case $written$until in '' | *[!0123456789]*) return 1 ;; esac
  now=$(date +%s) && [ "$written" -le "$now" ] && [ "$now" -lt "$until" ] || return 1
  if [ "$asked" != v1 ]; then
    # For a client that knows no v1, the same credential under the name it knows.
    begins='{"apiVersion":"client.authentication.k8s.io/v1",'
    case $credential in "$begins"*) ;; *) return 1 ;; esac
    credential='{"apiVersion":"client.authentication.k8s.io/'$asked'",'${credential#"$begins"}
  fi
  printf '%s\\n' "$credential"
  exit
}

# Of many calls at once that find nothing ready, one goes on, and the others wait for what it leaves. They go on too
# when it has ended without that, and after three seconds, unless it says that it is in a login.
wait_for_another() {
  [ -d "$ready" ] && [ ! -L "$ready" ] && [ -O "$ready" ] || return
  claim=$ready/.claim-$3
  if (umask 077 && set -C && echo "$$" >"$claim"); then return; fi
  [ -f "$claim" ] && [ ! -L "$claim" ] && [ -O "$claim" ] || return
  IFS= read -r before <"$file" || before=
  looks=0
  while [ "$looks" -lt 60 ] && { IFS=' ' read -r owner what <"$claim" || [ -e "$claim" ]; }; do
    case $owner in *[!0123456789]*) return ;; esac
    if [ -n "$owner" ] && ! kill -0 "$owner"; then
      # One that was killed: if it left this before now, somebody has to go on.
      [ "$looks" -gt 0 ] || echo "$$" >|"$claim"
      break
    fi
    if [ "$what" != login ]; then
      looks=$((looks + 1))
    elif [ -z "$said" ]; then
      said="togetherctl: waiting for the login that process $owner has begun"
      echo "$said" >&3
    fi
    sleep 0.05 || return
    for file in "$ready/$3" "${XDG_RUNTIME_DIR:-$ready}/togetherctl/ready/$3"; do
      # Asked here first, because `serve` starts a process to know the time.
      if IFS= read -r first <"$file" && [ "$first" != "$before" ]; then serve "$@"; fi
    done
  done
  serve "$@"
}

same_folders() {
  [ "${HOME-}" = "$user_home" ] &&
    [ "${XDG_CONFIG_HOME:-$config_home}" = "$config_home" ] &&
    [ "${XDG_STATE_HOME:-$state_home}" = "$state_home" ] &&
    [ "${XDG_CACHE_HOME:-$cache_home}" = "$cache_home" ]
}

waits=
said=
serve "$@" 2>/dev/null
[ -z "$waits" ] || wait_for_another "$@" 3>&2 2>/dev/null

# What was in force when this was written is in force for whoever it hands over to.
if [ -z "${TOGETHERCTL_HOME-}" ] && [ -n "$home" ]; then
  export TOGETHERCTL_HOME="$home"
elif [ -z "${TOGETHERCTL_HOME-}" ] && [ -n "$user_home" ] && [ "${HOME-}" != "$user_home" ]; then
  # Another home, as sudo and snaps have it, is not where this store is.
  export XDG_CONFIG_HOME="${config_home:-$user_home/.config}"
  export XDG_STATE_HOME="${state_home:-$user_home/.local/state}"
  export XDG_CACHE_HOME="${cache_home:-$user_home/.cache}"
elif [ -z "${TOGETHERCTL_HOME-}" ]; then
  [ -z "$config_home" ] || export XDG_CONFIG_HOME="${XDG_CONFIG_HOME:-$config_home}"
  [ -z "$state_home" ] || export XDG_STATE_HOME="${XDG_STATE_HOME:-$state_home}"
  [ -z "$cache_home" ] || export XDG_CACHE_HOME="${XDG_CACHE_HOME:-$cache_home}"
fi

if [ -x "$python" ] && [ -f "$program" ]; then
  exec "$python" "$program" "$@"
fi
status=127
if found=$(command -v togetherctl) && [ ! "$found" -ef "$0" ]; then
  "$found" "$@"
  status=$?
fi
if [ "$status" -eq 126 ] || [ "$status" -eq 127 ]; then
  echo "togetherctl: it is no longer where this kubeconfig expects it ($program)" >&2
  echo "  install it again, then run: togetherctl kubeconfig write" >&2
  status=1
fi
exit "$status"
"""


class ShimState(Enum):
    """The state of the shim's file."""

    CURRENT = "current"
    OUTDATED = "outdated"
    NONE = "none"


@dataclass(frozen=True)
class Shim:
    """The shim of one configuration file, which hands over to the console script `program` of this installation."""

    paths: Paths
    environ: Mapping[str, str]
    program: str

    @property
    def path(self) -> Path:
        return self.paths.shim

    def is_possible(self) -> bool:
        """Whether a script can serve this configuration here at all."""
        return sys.platform != "win32" and not self.environ.get(CONFIG)

    def state(self) -> ShimState:
        try:
            data, status = read_whole(self.path, limit=_MAX_BYTES)
            whole = data == self.text() and bool(status.st_mode & stat.S_IXUSR)
        except (OSError, StorageError):
            return ShimState.NONE
        return ShimState.CURRENT if whole else ShimState.OUTDATED

    def write(self) -> Path:
        """Write the shim, run it once and return its path. Raises StorageError where that fails."""
        try:
            make_private_folder(self.path.parent)
            status = self.path.parent.stat()
            if not is_ours(status) or open_to_others(status):
                raise StorageError(f"{self.path.parent} is not private", hint=run("chmod", "700", self.path.parent))
            self._refuse_other_config()
            if self.state() is not ShimState.CURRENT:
                write_whole(self.path, self.text())
                self.path.chmod(_MODE)
        except OSError as error:
            raise StorageError(f"{self.path} cannot be written: {error.strerror}") from None
        self._run_once()
        return self.path

    def text(self) -> bytes:
        """The script, with absolute paths baked in. Raises StorageError for a path that no line can hold."""
        home = bool(self.environ.get(HOME))
        config, state, cache = ("" if home else self.environ.get(name, "") for name in _FOLDERS)
        baked = {
            "home": str(self.paths.config.parent) if home else "",
            "user_home": self.environ.get("HOME", ""),
            "config_home": config,
            "state_home": state,
            "cache_home": cache,
            "config": str(self.paths.config),
            "sessions": str(self.paths.sessions),
            "ready": str(self.paths.ready),
            "python": sys.executable,
            "program": self.program,
            "form": FORM,
        }
        if any(not value.isprintable() for value in baked.values()):
            raise StorageError("a path with invisible characters in it cannot be put into a script")
        filled = re.sub("@([a-z_]+)@", lambda match: shlex.quote(baked[match[1]]), _SCRIPT)
        return filled.encode("utf-8")

    def _refuse_other_config(self) -> None:
        """Raises StorageError where the shim there serves another configuration that still exists.

        Replaced, it would serve the kubeconfigs of the one with the profiles of the other.
        """
        other = served_config(self.path)
        if other and other != str(self.paths.config) and self.paths.config.parent.joinpath(other).exists():
            raise StorageError(f"{self.path} serves another configuration, {other}")

    def _run_once(self) -> None:
        """Check that it runs here and ends in this togetherctl. Raises StorageError."""
        try:
            done = subprocess.run(
                [str(self.path), "version", "-o", "name"],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=for_child(self.environ),
                timeout=_TRY_SECONDS,
                check=False,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            reason = getattr(error, "strerror", None) or "it did not end"
            raise StorageError(f"{self.path} cannot be run: {reason}") from None
        if done.returncode != 0:
            raise StorageError(f"{self.path} does not work here (it ended with {done.returncode})")


def served_config(path: Path) -> str | None:
    """The configuration's file that the shim at `path` serves; None where that is no shim."""
    try:
        lines = read_whole(path, limit=_MAX_BYTES)[0].decode("utf-8").splitlines()
        [[config]] = [shlex.split(line.removeprefix("config=")) for line in lines if line.startswith("config=")]
    except (OSError, ValueError):
        return None
    return config


def shim_for(environ: Mapping[str, str], program: str) -> Shim:
    """The shim of the configuration that `environ` names."""
    return Shim(locate(environ), environ, program)
