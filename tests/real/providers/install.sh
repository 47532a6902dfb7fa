#!/usr/bin/env bash
# Installs the identity providers that are named (django, keycloak, spring) for tests, each once, into the cache folder
# outside the tree; older versions go. Java and Maven are needed for keycloak and spring.
set -euo pipefail
cd "$(dirname "$0")"

cache=${XDG_CACHE_HOME:-$HOME/.cache}/togetherctl-tests
mkdir -p "$cache"
exec 9>"$cache/providers.lock"
! command -v flock >/dev/null || flock 9

# What is installed is known by the files that say what to install.
sum_of() { cat "$@" | cksum | cut -d' ' -f1; }

# Maven's downloads serve one build and go with it.
maven() { mvn --quiet --batch-mode --no-transfer-progress "-Dmaven.repo.local=$cache/maven" "$@"; }

# Make the folder of kind $1 and version $2 by running the rest with the name of a new one; older versions are removed.
once() {
  local kind=$1 folder=$cache/$1-$2
  shift 2
  [ -d "$folder" ] && return
  echo "Installing $(basename "$folder"), once …"
  rm -rf "$cache/$kind"-*
  mkdir "$folder.new"
  "$@" "$folder.new"
  rm -rf "$cache/maven"
  mv "$folder.new" "$folder"
}

install_django() {
  python3 -m venv "$1"
  "$1/bin/python" -m pip install --quiet --disable-pip-version-check --constraint django/constraints.txt \
    django-oauth-toolkit Django
}

install_keycloak() {
  maven --file keycloak/pom.xml dependency:unpack "-DoutputDirectory=$1"
  mv "$1"/keycloak-*/* "$1"
  # Once for all starts: where its data is, is decided when it is built.
  nice "$1/bin/kc.sh" build --db=dev-mem
}

install_spring() {
  maven --file spring/pom.xml "-DbuildDirectory=$1/build" package
  mv "$1"/build/provider.jar "$1"
  rm -rf "$1/build"
}

for provider in "$@"; do
  case $provider in
    django) once django "$(sum_of django/constraints.txt)" install_django ;;
    keycloak) once keycloak "$(sum_of keycloak/pom.xml)" install_keycloak ;;
    spring) once spring "$(find spring -type f | sort | xargs cat | sum_of)" install_spring ;;
    *) echo "$provider is none of django, keycloak, spring" >&2; exit 2 ;;
  esac
done
