#!/usr/bin/env bash
# The Java client fabric8, io.fabric8:kubernetes-client 8.0.0 (Java 17), reads an exec plugin's stderr as a part of its
# answer. A plugin that writes one word to stderr, and then a valid ExecCredential to stdout with exit 0, gives no
# credential: the request goes out without a token, and the reason stands in a warning of slf4j alone.
#
# Output seen:
#   a silent plugin: Authorization = Bearer a-token
#   a plugin that says a word on stderr: Authorization = None
set -euo pipefail

folder=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$folder"' EXIT

# A server that prints what each request bears.
cat > "$folder/server.py" <<'SERVER'
import json
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer


class Server(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        with open(sys.argv[1], "a") as file:
            file.write(f"Authorization = {self.headers.get('Authorization')}\n")
        body = json.dumps({"kind": "PodList", "apiVersion": "v1", "metadata": {}, "items": []}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


server = HTTPServer(("127.0.0.1", 0), Server)
print(server.server_port, flush=True)
server.timeout = 120
while True:
    server.handle_request()
SERVER
python3 "$folder/server.py" "$folder/seen" > "$folder/port" &
server=$!
until [ -s "$folder/port" ]; do sleep 0.1; done

cat > "$folder/plugin" <<'PLUGIN'
#!/bin/sh
[ -z "${WORD:-}" ] || echo "$WORD" >&2
echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"a-token"}}'
PLUGIN
chmod +x "$folder/plugin"

cat > "$folder/kubeconfig" <<KUBECONFIG
apiVersion: v1
kind: Config
current-context: a
clusters:
- name: a
  cluster: {server: "http://127.0.0.1:$(cat "$folder/port")"}
contexts:
- name: a
  context: {cluster: a, user: a}
users:
- name: a
  user:
    exec:
      apiVersion: client.authentication.k8s.io/v1
      command: $folder/plugin
      interactiveMode: IfAvailable
KUBECONFIG

cat > "$folder/pom.xml" <<'POM'
<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>finding</groupId>
  <artifactId>finding</artifactId>
  <version>1</version>
  <dependencies>
    <dependency>
      <groupId>io.fabric8</groupId>
      <artifactId>kubernetes-client</artifactId>
      <version>8.0.0</version>
    </dependency>
  </dependencies>
</project>
POM
(cd "$folder" && mvn --batch-mode --quiet org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies)

cat > "$folder/Program.java" <<'PROGRAM'
import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;

class Program {
  public static void main(String[] words) {
    try (KubernetesClient client = new KubernetesClientBuilder().build()) {
      client.pods().inNamespace("default").list();
    }
  }
}
PROGRAM

export KUBECONFIG=$folder/kubeconfig
for word in "" hello; do
  : > "$folder/seen"
  WORD=$word java -cp "$folder/target/dependency/*" "$folder/Program.java" 2> "$folder/log" || cat "$folder/log"
  [ -n "$word" ] && which="a plugin that says a word on stderr" || which="a silent plugin"
  echo "$which: $(head -n 1 "$folder/seen")" >> "$folder/out"
done
cat "$folder/out"
diff "$folder/out" - <<'EXPECTED'
a silent plugin: Authorization = Bearer a-token
a plugin that says a word on stderr: Authorization = None
EXPECTED
