#!/usr/bin/env bash
# The Python client kr8s 0.20.15 (Python 3.11): a 403 makes it run the exec plugin again, as a 401 does. One list that is
# forbidden costs four runs of the plugin and four requests, though a new token cannot help: the server knew who asked.
#
# Output seen:
#   forbidden: the server said 403
#   requests: 4
#   runs of the plugin: 4
set -euo pipefail

folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install --quiet --disable-pip-version-check kr8s==0.20.15

cat > "$folder/plugin" <<'PLUGIN'
#!/bin/sh
echo run >> "$(dirname "$0")/runs"
echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"a-token"}}'
PLUGIN
chmod +x "$folder/plugin"

cat > "$folder/program.py" <<'PROGRAM'
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import kr8s
from kr8s.objects import Pod

folder = sys.argv[1]
asked = []


class Server(BaseHTTPRequestHandler):
    def do_GET(self):
        version = self.path.startswith("/version")
        if not version:
            asked.append(self.path)
        failure = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 403, "message": "no"}
        body = json.dumps({"major": "1", "minor": "34", "gitVersion": "v1.34.0"} if version else failure).encode()
        self.send_response(200 if version else 403)
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
try:
    list(kr8s.api(kubeconfig=f"{folder}/kubeconfig").get(Pod, namespace="default"))
except kr8s.ServerError as error:
    print(f"forbidden: the server said {error.response.status_code}")
print(f"requests: {len(asked)}")
print(f"runs of the plugin: {len(open(f'{folder}/runs').readlines())}")
PROGRAM

"$folder/venv/bin/python" "$folder/program.py" "$folder" 2> "$folder/log" > "$folder/out" || cat "$folder/log"
cat "$folder/out"
diff "$folder/out" - <<'EXPECTED'
forbidden: the server said 403
requests: 4
runs of the plugin: 4
EXPECTED
