#!/usr/bin/env bash
# The official Java client, io.kubernetes:client-java 27.0.0 (Java 17), runs an exec plugin once, when the client is built.
# Neither the credential's expirationTimestamp nor a 401 makes it run the plugin again: a long-lived program keeps its
# first token for ever, unless it was built with ClientBuilder.kubeconfig(config, Duration).
#
# Output seen:
#   first request: 200
#   after the credential's expiry: 401
#   once more: 401
#   runs of the plugin: 1
set -euo pipefail

folder=$(mktemp -d)
server=
trap '[ -z "$server" ] || kill "$server"; rm -rf "$folder"' EXIT

# A server that knows tokens by their number, and takes each until the second it names.
cat > "$folder/server.py" <<'SERVER'
import json
import sys
import time
from http.server import BaseHTTPRequestHandler, HTTPServer


class Server(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        token = (self.headers.get("Authorization") or "").removeprefix("Bearer token-")
        good = token.isdigit() and time.time() < int(token)
        kind = {"kind": "PodList", "metadata": {}, "items": []} if good else {"kind": "Status", "code": 401}
        body = json.dumps({**kind, "apiVersion": "v1"}).encode()
        self.send_response(200 if good else 401)
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
python3 "$folder/server.py" > "$folder/port" &
server=$!
until [ -s "$folder/port" ]; do sleep 0.1; done

cat > "$folder/plugin" <<'PLUGIN'
#!/bin/sh
echo run >> "$(dirname "$0")/runs"
ends=$(($(date +%s) + 3))
stamp=$(date -u -d "@$ends" +%Y-%m-%dT%H:%M:%SZ)
echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential",' \
  '"status":{"token":"token-'"$ends"'","expirationTimestamp":"'"$stamp"'"}}'
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
      <groupId>io.kubernetes</groupId>
      <artifactId>client-java</artifactId>
      <version>27.0.0</version>
    </dependency>
  </dependencies>
</project>
POM
(cd "$folder" && mvn --batch-mode --quiet org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies)

cat > "$folder/Program.java" <<'PROGRAM'
import io.kubernetes.client.openapi.ApiException;
import io.kubernetes.client.openapi.apis.CoreV1Api;
import io.kubernetes.client.util.ClientBuilder;
import io.kubernetes.client.util.KubeConfig;
import java.io.File;
import java.io.FileReader;

class Program {
  public static void main(String[] words) throws Exception {
    File file = new File(words[0]);
    KubeConfig config = KubeConfig.loadKubeConfig(new FileReader(file));
    config.setFile(file);
    CoreV1Api api = new CoreV1Api(ClientBuilder.kubeconfig(config).build());
    for (String when : new String[] {"first request", "after the credential's expiry", "once more"}) {
      int status = 200;
      try {
        api.listNamespacedPod("default").execute();
      } catch (ApiException failure) {
        status = failure.getCode();
      }
      System.out.println(when + ": " + status);
      Thread.sleep(4000);
    }
    System.exit(0);
  }
}
PROGRAM

java -cp "$folder/target/dependency/*" "$folder/Program.java" "$folder/kubeconfig" 2> "$folder/log" > "$folder/out" ||
  cat "$folder/log"
echo "runs of the plugin: $(wc -l < "$folder/runs")" >> "$folder/out"
cat "$folder/out"
diff "$folder/out" - <<'EXPECTED'
first request: 200
after the credential's expiry: 401
once more: 401
runs of the plugin: 1
EXPECTED
