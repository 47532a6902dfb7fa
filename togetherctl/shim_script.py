"""The text of both POSIX scripts that serve ready files: the shim of kubeconfigs, and `kubectl-together_login`.

They share how the version of the answer is found, how a ready file is looked at, and how a crowd waits for one of it.
Both are handed over to Python for all they do not understand.
"""

from togetherctl.fastpath import FORM, FORWARDED
from togetherctl.plugin_words import AUTHORITY_FLAG, FLAGS, FOLDER_FLAG, MARK, VERSION_FLAG

_VERSION = """\
# Sets `asked` to the version of the answer that the client names, and leaves it where it names none.
find_version() {
  # One apiVersion, that one, of the object itself, and nothing escaped: Python reads the rest, as JSON.
  case ${KUBERNETES_EXEC_INFO-} in
    '') return 0 ;;
    *\\\\* | *apiVersion*apiVersion*) return 1 ;;
    '{'*'"apiVersion":"client.authentication.k8s.io/v1"'*) asked=v1 ;;
    '{'*'"apiVersion": "client.authentication.k8s.io/v1"'*) asked=v1 ;;
    '{'*'"apiVersion":"client.authentication.k8s.io/v1beta1"'*) asked=v1beta1 ;;
    '{'*'"apiVersion": "client.authentication.k8s.io/v1beta1"'*) asked=v1beta1 ;;
    *) return 1 ;;
  esac
  prefix=${KUBERNETES_EXEC_INFO%%'"apiVersion":'*}
  case ${prefix#?} in *'{'* | *'['*) return 1 ;; esac
}
"""

_ANSWER = f"""\
# Prints what lies in `file` and ends, if it was made for $1 out of $2 and is good now; $3 is the configuration, if any.
answer() {{
  folder=${{file%/*}}
  [ -d "$folder" ] && [ ! -L "$folder" ] && [ -O "$folder" ] || return 1
  [ -f "$file" ] && [ ! -L "$file" ] && [ -O "$file" ] || return 1
  {{
    IFS=' ' read -r form version named written until length key state made_of && IFS= read -r credential || return 1
  }} <"$file"
  [ "$form $version" = '{FORM}' ] && [ "$named" = "$1" ] && [ "$made_of" = "$2" ] || return 1
  case $key in
    # What a forwarded agent gave is good for as long as its socket is there.
    /*) session=$key && [ -S "$session" ] && [ ! -L "$session" ] && [ -O "$session" ] || return 1 ;;
    *) session=$sessions/$key.json && [ -f "$session" ] || return 1 ;;
  esac
  [ "${{#credential}}" = "$length" ] || return 1
  # It has the mtime of its session: a session with another time is another one.
  if [ "$session" -nt "$file" ] || [ "$session" -ot "$file" ]; then return 1; fi
  if [ -n "${{3-}}" ]; then
    # A file beside it has the mtime that the configuration had when it was read.
    stamp=$folder/.config-$state
    [ -f "$stamp" ] && [ -f "$3" ] && [ ! -L "$3" ] || return 1
    if [ "$3" -nt "$stamp" ] || [ "$3" -ot "$stamp" ]; then return 1; fi
  else
    [ "$state" = - ] || return 1
  fi
  case $written$until in '' | *[!0123456789]*) return 1 ;; esac
  [ -n "$now" ] || now=$(date +%s) || return 1
  [ "$written" -le "$now" ] && [ "$now" -lt "$until" ] || return 1
  if [ "$asked" != v1 ]; then
    # For a client that knows no v1, the same credential under the name it knows.
    begins='{{"apiVersion":"client.authentication.k8s.io/v1",'
    case $credential in "$begins"*) ;; *) return 1 ;; esac
    credential='{{"apiVersion":"client.authentication.k8s.io/'$asked'",'${{credential#"$begins"}}
  fi
  printf '%s\\n' "$credential"
  exit
}}
"""

_WAITING = """\
# Of many calls at once that find nothing ready, one goes on, and the others wait for what it leaves. They go on too
# when it has ended without that, and after some eight seconds, unless it says that it is in a login.
wait_for_another() {
  # The first crowd of all has no folder to meet in.
  [ -d "$ready" ] || (umask 077 && mkdir -p -- "$ready")
  [ -d "$ready" ] && [ ! -L "$ready" ] && [ -O "$ready" ] || return
  claim=$ready/.claim-$name
  IFS= read -r boot </proc/sys/kernel/random/boot_id || boot=-
  if [ ! -e "$claim" ] && (umask 077 && set -C && : >"$claim"); then
    # On a full disk it would be empty, and hold up all that come.
    claim_it || rm -f "$claim"
    return
  fi
  [ -f "$claim" ] && [ ! -L "$claim" ] && [ -O "$claim" ] || return
  IFS= read -r before <"$file" || before=
  looks=0 blanks=0 pause=0.05 owner='' what=''
  while { IFS=' ' read -r owner what where since <"$claim" || [ -e "$claim" ]; }; do
    # Only as long as it takes from making the claim to writing into it.
    [ -n "$owner" ] || blanks=$((blanks + 1))
    [ "$blanks" -le 4 ] || { claim_it; break; }
    case $owner in *[!0123456789]*) claim_it; break ;; esac
    if [ -n "$owner" ] && ! lives "$owner" "$where" "$since"; then
      # One that was killed: if it left this before now, this one goes on.
      [ "$looks" -gt 0 ] || claim_it
      break
    fi
    looks=$((looks + 1))
    if [ "$what" = login ]; then
      if [ -z "$said" ]; then
        said="togetherctl: waiting for the login that process $owner has begun"
        echo "$said" >&3
      fi
      [ "$looks" -lt 1000 ] || break
      # A person takes a while, and each look starts a process.
      case $looks in [1-9]) pause=0.1 ;; [1-3]?) pause=0.25 ;; *) pause=1 ;; esac
    else
      # As many as start at once keep a machine busy, which the one that works needs.
      [ "$looks" -le 20 ] || pause=0.1
      [ "$looks" -le 90 ] || break
    fi
    sleep "$pause" || return
    for file in "$ready/$name" "${XDG_RUNTIME_DIR:-$ready}/togetherctl/ready/$name"; do
      # Asked here first, because `serve` starts a process to know the time.
      if IFS= read -r first <"$file" && [ "$first" != "$before" ]; then serve "$@"; fi
    done
  done
  serve "$@"
}

# Say in the claim that this process works, which machine's run it belongs to, and when it began.
claim_it() {
  find_beginning "$$" && [ -n "$began" ] && echo "$$ works $boot $began" >|"$claim"
}

# Whether the process $1 of the machine's run $2 that began at $3 still runs: its number alone may be another's by now.
lives() {
  [ "$2" = "$boot" ] && kill -0 "$1" || return 1
  # A shell reads byte by byte, and the system makes that file anew for each: a crowd may not ask at every look.
  case $what,$looks in login,* | *0) ;; *) return 0 ;; esac
  find_beginning "$1" && [ "$began" = "$3" ]
}

# Sets `began` to when the process $1 began; empty where none of that number runs.
find_beginning() {
  began=
  if [ -r /proc/self/stat ]; then
    IFS= read -r began <"/proc/$1/stat" || return 1
    # Words behind the name, which may have spaces (proc_pid_stat); a pattern of so many stars would take milliseconds.
    # shellcheck disable=SC2086
    set -- ${began##*) }
    # One that has ended, and that its parent has not asked for yet, runs no more.
    case ${1-} in [ZX]*) began= ;; *) began=${20-} ;; esac
  else
    began=$(LC_ALL=C ps -o lstart= -p "$1") || return 1
    began=${began%"${began##*[! ]}"}
  fi
}
"""

SHIM = f"""\
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

serve() {{
  asked=v1 now=
  case $#,${{4-}},${{5-}} in
    3,,) ;;
    5,--api-version,v1 | 5,--api-version,v1beta1) asked=$5 ;;
    *) return 1 ;;
  esac
  [ "$1" = get-token ] && [ "$2" = --profile ] || return 1
  case $3 in '' | .* | */*) return 1 ;; esac
  name=$3
  if [ -n "${{TOGETHERCTL_AGENT-}}" ]; then
    # Whatever the configuration says, and where there is none.
    find_version && [ -n "${{XDG_RUNTIME_DIR-}}" ] || return 1
    file=$XDG_RUNTIME_DIR/togetherctl/ready/{FORWARDED}$name
    answer "$name" "$TOGETHERCTL_AGENT"
    return 1
  fi
  [ -z "${{TOGETHERCTL_CONFIG-}}" ] && [ "${{TOGETHERCTL_HOME:-$home}}" = "$home" ] || return 1
  [ -n "$home" ] || same_folders || return 1
  find_version || return 1
  # From here on, another call of this profile may bring what is missing.
  waits=yes
  file=$ready/$name
  [ -e "$file" ] || file=${{XDG_RUNTIME_DIR:-$ready}}/togetherctl/ready/$name
  answer "$name" "$config/$sessions" "$config"
}}

{_VERSION}
{_ANSWER}
same_folders() {{
  [ "${{HOME-}}" = "$user_home" ] &&
    [ "${{XDG_CONFIG_HOME:-$config_home}}" = "$config_home" ] &&
    [ "${{XDG_STATE_HOME:-$state_home}}" = "$state_home" ] &&
    [ "${{XDG_CACHE_HOME:-$cache_home}}" = "$cache_home" ]
}}

waits=
said=
serve "$@" 2>/dev/null

# What follows is not even read where a credential was ready.
{_WAITING}
[ -z "$waits" ] || wait_for_another "$@" 3>&2 2>/dev/null

# What was in force when this was written is in force for what it hands over to.
if [ -z "${{TOGETHERCTL_HOME-}}" ] && [ -n "$home" ]; then
  export TOGETHERCTL_HOME="$home"
elif [ -z "${{TOGETHERCTL_HOME-}}" ] && [ -n "$user_home" ] && [ "${{HOME-}}" != "$user_home" ]; then
  # Another home, as sudo and snaps have it, is not where this store is.
  export XDG_CONFIG_HOME="${{config_home:-$user_home/.config}}"
  export XDG_STATE_HOME="${{state_home:-$user_home/.local/state}}"
  export XDG_CACHE_HOME="${{cache_home:-$user_home/.cache}}"
elif [ -z "${{TOGETHERCTL_HOME-}}" ]; then
  [ -z "$config_home" ] || export XDG_CONFIG_HOME="${{XDG_CONFIG_HOME:-$config_home}}"
  [ -z "$state_home" ] || export XDG_STATE_HOME="${{XDG_STATE_HOME:-$state_home}}"
  [ -z "$cache_home" ] || export XDG_CACHE_HOME="${{XDG_CACHE_HOME:-$cache_home}}"
fi

if [ -z "$python" ]; then
  # The single file finds its Python itself, also after an upgrade of either.
  [ ! -x "$program" ] || exec "$program" "$@"
elif [ -x "$python" ] && [ -f "$program" ]; then
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

_KNOWN = " | \\\n      ".join(f"--{flag} | --{flag}=*" for flag in FLAGS)

PLUGIN = f"""\
#!/bin/sh
# `kubectl together-login`: serves kubelogin's flags a credential that is ready, hands everything else to togetherctl.
# Made from togetherctl/shim_script.py by `make docs`; change it there.
newline='
'

# Which ready file the words have is said by their digest, so that none of them is on disk. The same is asked in
# togetherctl/plugin_words.py; a word that is not understood here at sight, as one with a secret, has no ready file.
serve() {{
  case ${{1-}},${{2-}} in get-token,--?*) ;; *) return 1 ;; esac
  [ -z "${{OIDC_CLIENT_SECRET-}}" ] || return 1
  shift
  asked=v1beta1
  find_folders || return 1
  text= last=
  words=$#
  for word; do
    case $word in
      *"$newline"*) return 1 ;;
      --{FOLDER_FLAG}=/*) sessions=${{word#*=}} ;;
      --{FOLDER_FLAG}='~' | --{FOLDER_FLAG}='~/'*) word_path && sessions=$path ;;
      --{AUTHORITY_FLAG}=/* | --{AUTHORITY_FLAG}='~/'*)
        word_path && [ -f "$path" ] || return 1
        set -- "$@" "$path"
        ;;
      --{VERSION_FLAG}=v1 | --{VERSION_FLAG}=v1beta1)
        # After a flag without its value this would be that value.
        case $last in -*=*) ;; -*) return 1 ;; esac
        asked=${{word#*=}}
        ;;
      {_KNOWN}) ;;
      -*) return 1 ;;
    esac
    case $word in --{VERSION_FLAG}=*) ;; *) last=$word ;; esac
    text=$text$word$newline
  done
  shift "$words"
  find_version || return 1
  case $HOME$sessions in *"$newline"*) return 1 ;; esac
  sums=$(
    date +%s
    exec sha256sum ${{1+-}} "$@" <<EOF
{MARK}
$HOME
$sessions
$text
EOF
  ) || return 1
  # A line each: the time, the digest of the words, and that of each file.
  now=${{sums%%"$newline"*}}
  sums=${{sums#*"$newline"}}
  digest=${{sums%% *}}
  authorities=
  while :; do
    case $sums in *"$newline"*) sums=${{sums#*"$newline"}} ;; *) break ;; esac
    authorities=$authorities${{authorities:+,}}${{sums%% *}}
  done
  case $now in '' | *[!0123456789]*) return 1 ;; esac
  [ "${{#digest}}" = 64 ] || return 1
  name=flags-$digest
  # From here on, another call with these words may bring what is missing.
  waits=yes
  file=$ready/$name
  answer "$name" "${{authorities:--}}"
}}

# Sets `sessions` and `ready`, as togetherctl has them without these flags.
find_folders() {{
  case ${{HOME-}} in /*) ;; *) return 1 ;; esac
  case ${{TOGETHERCTL_HOME-}} in
    '')
      state=${{XDG_STATE_HOME-}}
      case $state in /*) ;; *) state=$HOME/.local/state ;; esac
      cache=${{XDG_CACHE_HOME-}}
      case $cache in /*) ;; *) cache=$HOME/.cache ;; esac
      sessions=$state/togetherctl/sessions
      ready=$cache/togetherctl/ready
      ;;
    /*)
      sessions=$TOGETHERCTL_HOME/state/sessions
      ready=$TOGETHERCTL_HOME/cache/ready
      ;;
    *) return 1 ;;
  esac
  case ${{KUBECACHEDIR-}} in
    '') ;;
    /*) sessions=$KUBECACHEDIR/oidc-login ;;
    *) return 1 ;;
  esac
}}

# Sets `path` to what the value of the flag `word` means.
word_path() {{
  path=${{word#*=}}
  case $path in '~'*) path=$HOME${{path#'~'}} ;; esac
}}

{_VERSION}
{_ANSWER}
waits=
said=
serve "$@" 2>/dev/null

# What follows is not even read where a credential was ready.
{_WAITING}
[ -z "$waits" ] || wait_for_another "$@" 3>&2 2>/dev/null

# togetherctl is beside this script, or beside the file that a link of this name leads to.
script=$0
case $script in */*) ;; *) script=$(command -v -- "$script") ;; esac
hops=0
while :; do
  program=${{script%/*}}/togetherctl
  [ ! -x "$program" ] || exec "$program" kubectl-together_login "$@"
  [ -L "$script" ] && [ "$hops" -lt 40 ] || break
  hops=$((hops + 1))
  link=$(readlink -- "$script") || break
  case $link in
    /*) script=$link ;;
    *) script=${{script%/*}}/$link ;;
  esac
done
if command -v togetherctl >/dev/null; then
  exec togetherctl kubectl-together_login "$@"
fi
echo "togetherctl: it is no longer beside $0" >&2
echo "  install it again" >&2
exit 1
"""
