import java.util.List;
import java.util.concurrent.Callable;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.IntStream;

/** Sends requests as the words say, COUNT SECONDS or at-once COUNT, and prints a line for each. */
final class Asking {
  private Asking() {}

  static void ask(String[] words, Callable<String> request) throws Exception {
    if (words[0].equals("at-once")) {
      int count = Integer.parseInt(words[1]);
      ExecutorService threads = Executors.newFixedThreadPool(count);
      List<Callable<String>> requests = IntStream.range(0, count).mapToObj(n -> request).toList();
      for (Future<String> answer : threads.invokeAll(requests)) {
        System.out.println(answer.get());
      }
      threads.shutdown();
      return;
    }
    for (int n = 0; n < Integer.parseInt(words[0]); n++) {
      System.out.println(request.call());
      Thread.sleep((long) (1000 * Double.parseDouble(words[1])));
    }
  }

  static String said(Throwable failure) {
    return "error: " + String.valueOf(failure.getMessage()).replace('\n', ' ');
  }
}
