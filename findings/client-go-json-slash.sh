#!/usr/bin/env bash
# client-go (k8s.io/client-go v0.37.2, the code of kubectl 1.37.2) does not load every kubeconfig that is valid JSON.
#
# JSON lets a slash be written as \/ (RFC 8259, section 7), and PHP's json_encode does so unless it is told otherwise. A
# kubeconfig is read as YAML even where it is JSON, by a library of YAML 1.1, which has no such escape. So a kubeconfig that
# every JSON parser takes, and whose URLs are all right, ends every kubectl command.
#
# Needs Go. Seen in November 2026:
#
#   plain     client-go: https://127.0.0.1:6443                  encoding/json: https://127.0.0.1:6443
#   escaped   client-go: yaml: found unknown escape character    encoding/json: https://127.0.0.1:6443
#
# Exits with 1 if that changes.
set -euo pipefail

folder=$(mktemp -d)
trap 'chmod -R u+w "$folder"; rm -rf "$folder"' EXIT
cd "$folder"

cat > go.mod <<'END'
module example.test/slash

go 1.26.0

require k8s.io/client-go v0.37.2
END

cat > main.go <<'END'
package main

import (
	"encoding/json"
	"fmt"
	"strings"

	"k8s.io/client-go/tools/clientcmd"
)

type file struct {
	Clusters []struct {
		Cluster struct{ Server string }
	}
}

func byClientGo(text string) string {
	config, err := clientcmd.Load([]byte(text))
	if err != nil {
		return err.Error()
	}
	return config.Clusters["a"].Server
}

func byJSON(text string) string {
	var read file
	if err := json.Unmarshal([]byte(text), &read); err != nil {
		return err.Error()
	}
	return read.Clusters[0].Cluster.Server
}

func main() {
	plain := `{"clusters": [{"name": "a", "cluster": {"server": "https://127.0.0.1:6443"}}]}`
	escaped := strings.ReplaceAll(plain, "/", `\/`)
	fmt.Println("plain|" + byClientGo(plain) + "|" + byJSON(plain))
	fmt.Println("escaped|" + byClientGo(escaped) + "|" + byJSON(escaped))
}
END
export GOFLAGS=-mod=mod GOPATH="$folder/go"
go build -o read . 2> build.log || { cat build.log; exit 2; }
./read | tee seen

diff seen - <<'END' || { echo "this has changed" >&2; exit 1; }
plain|https://127.0.0.1:6443|https://127.0.0.1:6443
escaped|yaml: found unknown escape character|https://127.0.0.1:6443
END
