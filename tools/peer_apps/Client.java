import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;

/** java.net.http.HttpClient: one request. */
class Client {
    public static void main(String[] given) throws InterruptedException {
        Duration limit = Duration.ofSeconds(2);
        HttpClient client = HttpClient.newBuilder()
            .version(HttpClient.Version.HTTP_1_1).connectTimeout(limit).build();
        HttpRequest request = HttpRequest.newBuilder(
            URI.create("http://" + given[0] + ":" + given[1] + "/")).timeout(limit).build();
        try {
            HttpResponse<byte[]> reply =
                client.send(request, HttpResponse.BodyHandlers.ofByteArray());
            System.out.println(reply.statusCode() + ", " + reply.body().length + " octets");
        } catch (java.io.IOException error) {
            Throwable last = error;
            while (last.getCause() != null && last.getCause() != last) {
                last = last.getCause();
            }
            String name = error.getClass().getSimpleName();
            System.out.println(name + (last.getMessage() == null ? "" : ": " + last.getMessage()));
        }
        System.exit(0);
    }
}
