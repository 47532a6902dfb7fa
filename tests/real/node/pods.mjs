// What a program written with the official client does: load the kubeconfig, list pods, twice.
import { CoreV1Api, KubeConfig } from "@kubernetes/client-node";

const config = new KubeConfig();
config.loadFromDefault();
const api = config.makeApiClient(CoreV1Api);
for (let round = 0; round < 2; round += 1) {
  const pods = await api.listNamespacedPod({ namespace: "default" });
  console.log(pods.items.map((pod) => pod.metadata.name).join(" "));
}
