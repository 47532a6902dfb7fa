import io.kubernetes.client.openapi.ApiClient;
import io.kubernetes.client.openapi.ApiException;
import io.kubernetes.client.openapi.apis.CoreV1Api;
import io.kubernetes.client.util.ClientBuilder;
import io.kubernetes.client.util.KubeConfig;
import java.io.File;
import java.io.FileReader;
import java.time.Duration;

/** A program written with the official client; with RENEW_SECONDS it reads the credential again that often. */
final class Official {
  private Official() {}

  public static void main(String[] words) throws Exception {
    File path = new File(System.getenv("KUBECONFIG")).getAbsoluteFile();
    KubeConfig config = KubeConfig.loadKubeConfig(new FileReader(path));
    config.setFile(path);
    String seconds = System.getenv("RENEW_SECONDS");
    ClientBuilder builder =
        seconds == null
            ? ClientBuilder.kubeconfig(config)
            : ClientBuilder.kubeconfig(config, Duration.ofSeconds(Long.parseLong(seconds)));
    ApiClient client = builder.build();
    CoreV1Api api = new CoreV1Api(client);
    Asking.ask(
        words,
        () -> {
          try {
            api.listNamespacedPod("default").execute();
            return "200";
          } catch (ApiException failure) {
            return failure.getCode() > 0 ? "" + failure.getCode() : Asking.said(failure);
          }
        });
    System.exit(0);
  }
}
