#!/usr/bin/env bash
# The Python client for Kubernetes, PyPI kubernetes 37.0.2 (Python 3.11): an exec plugin that fails is no error.
# load_kube_config returns, with a line in the log, and the request goes out without a token. The plugin is not tried
# again. A program sees a 401, or a 403 for system:anonymous, and no word of the plugin.
#
# Output seen:
#   load_kube_config returned
#   the first request: Authorization = None
#   the second request: Authorization = None
#   runs of the plugin: 1
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check kubernetes==37.0.2

cat > "$folder/plugin" <<'PLUGIN'
#!/bin/sh
echo run >> "$(dirname "$0")/runs"
echo "please log in first" >&2
exit 3
PLUGIN
chmod +x "$folder/plugin"

cat > "$folder/program.py" <<'PROGRAM'
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

from kubernetes import client, config

folder = sys.argv[1]
seen = []


class Server(BaseHTTPRequestHandler):
    def do_GET(self):
        seen.append(self.headers.get("Authorization"))
        body = json.dumps({"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": []}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
kubeconfig = {
    "apiVersion": "v1",
    "kind": "Config",
    "current-context": "a",
    "clusters": [{"name": "a", "cluster": {"server": f"http://127.0.0.1:{server.server_port}"}}],
    "contexts": [{"name": "a", "context": {"cluster": "a", "user": "a"}}],
    "users": [
        {
            "name": "a",
            "user": {
                "exec": {
                    "apiVersion": "client.authentication.k8s.io/v1",
                    "command": f"{folder}/plugin",
                    "interactiveMode": "IfAvailable",
                }
            },
        }
    ],
}
with open(f"{folder}/kubeconfig", "w") as file:
    json.dump(kubeconfig, file)
config.load_kube_config(f"{folder}/kubeconfig")
print("load_kube_config returned")
for which in ("first", "second"):
    client.CoreV1Api().list_namespaced_pod("default")
    print(f"the {which} request: Authorization = {seen[-1]}")
print(f"runs of the plugin: {len(open(f'{folder}/runs').readlines())}")
PROGRAM

"$folder/venv/bin/python" "$folder/program.py" "$folder" 2> "$folder/log" > "$folder/out"
cat "$folder/out"
diff "$folder/out" - <<'EXPECTED'
load_kube_config returned
the first request: Authorization = None
the second request: Authorization = None
runs of the plugin: 1
EXPECTED
