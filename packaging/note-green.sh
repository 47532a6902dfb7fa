#!/bin/sh
# Notes in git's folder that all tests passed for this commit: `make release` asks for that. Changed files are no commit.
if [ -z "$(git status --porcelain 2>/dev/null)" ] && commit=$(git rev-parse --quiet --verify HEAD 2>/dev/null); then
  echo "$commit" >>"$(git rev-parse --git-path togetherctl-green)"
fi
