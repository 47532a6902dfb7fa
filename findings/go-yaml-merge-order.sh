#!/usr/bin/env bash
# The YAML of Kubernetes (sigs.k8s.io/yaml v1.6.0, which kubectl reads kubeconfigs with) lets a merge key win over the keys
# that are written above it.
#
# YAML's merge key (yaml.org/type/merge.html) fills in what a mapping does not say itself, wherever in it the `<<` stands;
# PyYAML 6.0.3 and ruamel.yaml 0.19.1 do that. In a kubeconfig a `<<` at the end of an entry replaces the server or the user
# that stands above it, and at its beginning it does not, so two tools that read the same file reach different servers.
#
# Needs Go and Python 3.11. Seen in November 2026:
#
#   below.yaml  a: {x: own, <<: {x: merged}}   sigs.k8s.io/yaml: merged   PyYAML and ruamel.yaml: own
#   above.yaml  a: {<<: {x: merged}, x: own}   sigs.k8s.io/yaml: own      PyYAML and ruamel.yaml: own
#
# Exits with 1 if that changes.
set -euo pipefail

folder=$(mktemp -d)
trap 'chmod -R u+w "$folder"; rm -rf "$folder"' EXIT
cd "$folder"

printf 'a: {x: own, <<: {x: merged}}\n' > below.yaml
printf 'a: {<<: {x: merged}, x: own}\n' > above.yaml

cat > go.mod <<'END'
module example.test/merge

go 1.22

require sigs.k8s.io/yaml v1.6.0
END

cat > main.go <<'END'
package main

import (
	"fmt"
	"os"

	"sigs.k8s.io/yaml"
)

func main() {
	text, err := os.ReadFile(os.Args[1])
	if err != nil {
		panic(err)
	}
	data, err := yaml.YAMLToJSON(text)
	if err != nil {
		panic(err)
	}
	fmt.Println(string(data))
}
END
export GOFLAGS=-mod=mod GOPATH="$folder/go"
go build -o kubernetes . 2> build.log || { cat build.log; exit 2; }

python3 -m venv python
python/bin/pip install --quiet --disable-pip-version-check PyYAML==6.0.3 ruamel.yaml==0.19.1
cat > read.py <<'END'
import json
import sys

import yaml
from ruamel.yaml import YAML

text = open(sys.argv[2], encoding="utf-8").read()
data = yaml.safe_load(text) if sys.argv[1] == "PyYAML" else YAML(typ="safe", pure=True).load(text)
print(json.dumps(data, separators=(",", ":")))
END

changed=0
expect() {
  printf '%-12s %-10s %s\n' "$1" "$2" "$3"
  [ "$3" = "$4" ] || { echo "  was $4" >&2; changed=1; }
}
expect kubernetes below "$(./kubernetes below.yaml)" '{"a":{"x":"merged"}}'
expect kubernetes above "$(./kubernetes above.yaml)" '{"a":{"x":"own"}}'
for library in PyYAML ruamel; do
  expect "$library" below "$(python/bin/python read.py "$library" below.yaml)" '{"a":{"x":"own"}}'
  expect "$library" above "$(python/bin/python read.py "$library" above.yaml)" '{"a":{"x":"own"}}'
done
exit "$changed"
