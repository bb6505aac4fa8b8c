import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/**
 * A backend in Java, as section 2.1 of the interline document has it sign. Reads lines of developer's
 * id, key and time (epoch ms) with tabs between them, and writes the Authorization header for each.
 */
final class Keytime {
    private Keytime() {}

    static String authorization(String developer, String key, long time)
            throws NoSuchAlgorithmException {
        MessageDigest sha256 = MessageDigest.getInstance("SHA-256");
        byte[] digest = sha256.digest((key + time).getBytes(StandardCharsets.UTF_8));
        String signature = HexFormat.of().formatHex(digest).substring(24, 40);
        return "Keytime " + developer + "," + time + "," + signature;
    }

    public static void main(String[] arguments) throws IOException, NoSuchAlgorithmException {
        var lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        var headers = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            String[] parts = line.split("\t");
            headers.println(authorization(parts[0], parts[1], Long.parseLong(parts[2])));
        }
        headers.flush();
    }
}
