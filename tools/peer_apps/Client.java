import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.time.Duration;

/** java.net.http.HttpClient: one request. What fails is told by toString(), then that of each cause that says something else. */
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
            String said = error.toString();
            System.out.print(said);
            for (Throwable each = error.getCause(); each != null; each = each.getCause()) {
                if (!each.toString().equals(said)) {
                    said = each.toString();
                    System.out.print("; cause: " + said);
                }
            }
            System.out.println();
        }
        System.exit(0);
    }
}
