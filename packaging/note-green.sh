#!/bin/sh
# Notes in git's folder that all tests passed for a commit: `make release` asks for that. Changed files are no commit.
# `start` prints the commit before the tests, and nothing where no note can be made; then that commit is the argument.
clean_commit() {
  # Pytest's own variable may leave tests out.
  [ -z "${PYTEST_ADDOPTS-}" ] && [ -z "$(git status --porcelain 2>/dev/null)" ] &&
    git rev-parse --quiet --verify HEAD 2>/dev/null
}

case ${1-} in
  start) clean_commit || : ;;
  '') ;;
  *) [ "$(clean_commit)" != "$1" ] || echo "$1" >>"$(git rev-parse --git-path togetherctl-green)" ;;
esac
