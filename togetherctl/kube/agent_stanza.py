"""The exec stanza for a machine without togetherctl: `sh` and `curl` ask the agent that another machine forwards.

It finds the socket as `agent_socket` does. An agent that asks its person says nothing meanwhile, as one that sleeps
does; so `curl` first asks, on the same connection, what needs no person, and waits for that only a moment.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from togetherctl.config.config import Cluster
from togetherctl.errors import KubeconfigError
from togetherctl.kube.context_name import Named
from togetherctl.kube.entries import Entry, entries_for
from togetherctl.kube.exec_credential import V1

# What `sh -c` takes as the name of the script.
PROGRAM = "togetherctl-agent"
_HINT = "This kubeconfig asks an agent of togetherctl that another machine forwards, with sh and curl."
SCRIPT = """\
# Asks the agent of togetherctl that another machine forwards for the credential of the profile $1.
# Written by `togetherctl kubeconfig write --for-agent`.
nl='
'
fail() {
  printf 'togetherctl: %s\\n' "$1" >&2
  exit "$2"
}
# Sets `http` and `body`; gives the exit code of curl. The token is in no argument of any program. What answers nothing
# to the first request, within five seconds, sleeps; the second may wait for a person. One kubectl calls several times;
# so a silence is remembered for a minute, in which a sign of life is waited for only a second. Of an answer without end
# the beginning is taken, which is none of an agent: `http` is empty then.
ask() {
  mark=$1.silent wait=5
  if [ -f "$mark" ] && [ -n "$(find "$mark" -mmin -1)" ]; then wait=1; fi
  answer=$({
    curl -q -s --fail-early -m "$wait" --noproxy '*' --unix-socket "$1" -o /dev/null http://agent/v1/profiles \\
      --next -s -m "$2" --noproxy '*' --unix-socket "$1" \\
      -H 'Content-Type: application/json' -d "$4" -X "$3" -w '\\n%{http_code}' "http://agent$5"
    printf ' %s' "$?"
  } | head -c 1048576)
  http='' body=''
  case $answer in
    *"$nl"[0-9][0-9][0-9]' '[0-9] | *"$nl"[0-9][0-9][0-9]' '[0-9][0-9] | ' '[0-9] | ' '[0-9][0-9]) ;;
    *) return 0 ;;
  esac
  code=${answer##* } answer=${answer% *}
  if [ "$code" != 0 ]; then
    if [ "$code$wait" = 285 ] && [ -O "${1%/*}" ]; then
      rm -f "$mark"
      (set -C && : >"$mark") 2>/dev/null
    fi
    return "$code"
  fi
  [ ! -f "$mark" ] || rm -f "$mark"
  http=${answer##*"$nl"} body=${answer%"$nl"*}
}
get() {
  ask "$1" 150 GET '' "/v1/credentials/$name"
}
# The text or number that the answer has under the name $1.
field() {
  printf '%s' "$body" | LC_ALL=C tr -cd '\\40-\\176' |
    sed -nE 's/.*"'"$1"'": *("(([^"\\\\]|\\\\.)*)"|([0-9]+)).*/\\2\\4/p' |
    sed 's/\\\\\\(["\\\\]\\)/\\1/g' | head -c 2000
}
finish() {
  case $http,$body in
    200,*'"ExecCredential"'*'"token"'*) printf '%s\\n' "$body" && exit 0 ;;
    200,*) body='' ;;
  esac
  said=$(field message) code=$(field exit) helps=$(field hint) do_it=$(field hint_command)
  [ "$helps" != "$do_it" ] || helps=
  helps=$helps${helps:+${do_it:+: }}$do_it
  case $code in [1-9] | [1-9][0-9]) ;; *) code=1 ;; esac
  fail "${said:-what answers at $socket is no agent of togetherctl}${helps:+ (where the agent runs: $helps)}" "$code"
}
# Where a login is needed, the person at the agent is asked; Ctrl-C ends it on both sides.
go_on() {
  case $http,${CI:-0},${TOGETHERCTL_NO_INPUT:-0},${TOGETHERCTL_LOGIN-} in
    *,never) finish ;;
    401,0,0,* | 401,0,false,* | 401,false,0,* | 401,false,false,*) ;;
    *) finish ;;
  esac
  printf 'togetherctl: %s needs a login, which is asked for where the agent runs; Ctrl-C ends it\\n' "$name" >&2
  ask "$socket" 400 POST '{"profile":"'"$name"'"}' /v1/logins || fail 'the login there did not end' 4
  [ "$http" = 200 ] || finish
  get "$socket" || fail "the agent at $socket broke off" 4
  finish
}
name=$1 tried='|' asleep='' unknown='' unknown_at='' empty=
start='where the agent runs, togetherctl agent start is enough; else connect again: togetherctl ssh HOST'
again='connect again from where the agent runs: togetherctl ssh HOST'
command -v curl >/dev/null || fail 'curl is not installed, and nothing else here asks the agent' 1
if [ -n "${TOGETHERCTL_AGENT-}" ]; then
  socket=$TOGETHERCTL_AGENT
  [ -S "$socket" ] || fail "TOGETHERCTL_AGENT names $socket, and there is no such socket; $again" 4
  [ -O "$socket" ] || fail "$socket is another user's; $again" 5
  get "$socket" || case $? in
    52 | 56) fail "a socket is at $socket, but no agent is behind it; $start" 4 ;;
    *) fail "no agent answers at $socket; $again" 4 ;;
  esac
  go_on
fi
# The newest that answers and knows the profile; what nothing listens at goes.
while :; do
  socket=
  for one in "${XDG_RUNTIME_DIR:-/nonexistent}"/togetherctl/agents/* "${HOME-}"/.cache/togetherctl/agents/*; do
    [ -S "$one" ] || continue
    [ -O "$one" ] || continue
    [ -O "${one%/*}" ] || continue
    case $tried in *"|$one|"*) continue ;; esac
    if [ -z "$socket" ] || [ "$one" -nt "$socket" ]; then socket=$one; fi
  done
  [ -n "$socket" ] || break
  tried="$tried$socket|"
  if get "$socket"; then
    [ "$http" = 404 ] || go_on
    [ -n "$unknown" ] || unknown=$body unknown_at=$socket
    continue
  else
    code=$?
  fi
  case $code in
    # In a home that several hosts share, that of another host may be alive there.
    7)
      case ${socket##*/} in
        "$(uname -n)"-*) [ -z "$(find "$socket" -mmin +1)" ] || rm -f "$socket" "$socket.silent" ;;
      esac
      ;;
    52 | 56) empty=${empty:-$socket} ;;
    28) asleep=${asleep:-$socket} ;;
  esac
done
[ -z "$asleep" ] || fail "the agent at $asleep does not answer; $again" 4
[ -n "$unknown" ] || [ -z "$empty" ] || fail "a socket is at $empty, but no agent is behind it; $start" 4
[ -n "$unknown" ] || fail "no agent is forwarded to this machine; $again" 4
http=404 body=$unknown socket=$unknown_at
finish
"""


def entries_for_agent(cluster: Cluster, there: str, named: Named | None = None) -> list[Entry]:
    """The three entries that open `cluster` on another machine; `there` is what the agent calls its profile.

    Raises KubeconfigError where its certificate authority cannot be read: the file is not on the other machine.
    """
    entries = entries_for(_with_authority_inside(cluster), "sh", named, api_version=V1)
    return [replace(one, body={"exec": _stanza(there)}) if one.section == "users" else one for one in entries]


def _stanza(there: str) -> Mapping[str, Any]:
    return {
        "apiVersion": V1,
        "command": "sh",
        "args": ["-c", SCRIPT, PROGRAM, there],
        "interactiveMode": "Never",
        "provideClusterInfo": False,
        "installHint": _HINT,
    }


def _with_authority_inside(cluster: Cluster) -> Cluster:
    if cluster.ca_file is None or cluster.ca_data:
        return cluster
    try:
        data = Path(cluster.ca_file).read_bytes()
    except OSError as error:
        raise KubeconfigError(f"the CA file of cluster {cluster.name} cannot be read: {error.strerror}") from None
    return replace(cluster, ca_data=base64.b64encode(data).decode("ascii"), ca_file=None)
