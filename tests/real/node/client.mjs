// A program written with the official client: sends requests as the words say, COUNT SECONDS or at-once COUNT, and prints
// a line for each.
import { CoreV1Api, KubeConfig } from "@kubernetes/client-node";

const [first, second] = process.argv.slice(2);
const config = new KubeConfig();
config.loadFromDefault();
const api = config.makeApiClient(CoreV1Api);

async function line() {
  try {
    await api.listNamespacedPod({ namespace: "default" });
    return "200";
  } catch (failure) {
    return failure.code > 0 ? `${failure.code}` : `error: ${failure.message.replaceAll("\n", " ")}`;
  }
}

if (first === "at-once") {
  const answers = await Promise.all(Array.from({ length: Number(second) }, line));
  answers.forEach((answer) => console.log(answer));
} else {
  for (let round = 0; round < Number(first); round += 1) {
    console.log(await line());
    await new Promise((resolve) => setTimeout(resolve, 1000 * Number(second)));
  }
}
