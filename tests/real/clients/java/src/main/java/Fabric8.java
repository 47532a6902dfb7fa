import io.fabric8.kubernetes.client.KubernetesClient;
import io.fabric8.kubernetes.client.KubernetesClientBuilder;
import io.fabric8.kubernetes.client.KubernetesClientException;

/** A program written with fabric8's client. */
final class Fabric8 {
  private Fabric8() {}

  public static void main(String[] words) throws Exception {
    try (KubernetesClient client = new KubernetesClientBuilder().build()) {
      Asking.ask(
          words,
          () -> {
            try {
              client.pods().inNamespace("default").list();
              return "200";
            } catch (KubernetesClientException failure) {
              return failure.getCode() > 0 ? "" + failure.getCode() : Asking.said(failure);
            }
          });
    }
  }
}
