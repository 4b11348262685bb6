package io.hookseal;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.time.Instant;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;

class JavaTest {
    private final byte[] body = "{\"id\":42}".getBytes(StandardCharsets.UTF_8);
    private final Instant now = Instant.ofEpochSecond(1_700_000_000);

    @Test
    void javaSignsAndVerifies() {
        Map<String, String> headers = new Signer("whsec_demo").sign(body, "evt_1", "order.paid", now);
        Verifier verifier = new Verifier(new String[] {"whsec_new", "whsec_demo"}, Scheme.HOOKSEAL, "v2");
        Verified verified = verifier.verify(body, headers, now);
        assertEquals("evt_1", verified.getId());
        assertEquals(1, verified.getKeyIndex());

        Map<String, List<String>> lists = Map.of("X-Webhook-Signature", List.of("t=1"));
        VerificationException refused =
                assertThrows(VerificationException.class, () -> verifier.verifyMulti(body, lists, now));
        assertEquals(ErrorCode.UNSUPPORTED_VERSION, refused.getCode());
    }

    @Test
    void javaHasTheStatics() {
        assertTrue(Scheme.names().contains(Scheme.named("stripe").getName()));
        assertTrue(Secret.generate().expose().startsWith("whsec_"));
        KeyRing ring = new KeyRing(new Key("whsec_old", "old"));
        Map<String, String> old = new Signer(ring).sign(body, null, null, now);
        Verifier strict = new Verifier(ring, Scheme.HOOKSEAL, Duration.ofSeconds(10));
        assertEquals("old", strict.verify(body, old, now.plusSeconds(10)).getKeyId());
        assertThrows(VerificationException.class, () -> strict.verify(body, old, now.plusSeconds(11)));
        ring.rotate(new Key(Secret.utf8("whsec_new"), "new"), 60);
        assertEquals("new", ring.stats().get(0).getId());
        Map<String, String> headers = new Signer("whsec_demo").sign("{\"id\": 42}".getBytes(StandardCharsets.UTF_8));
        List<Finding> findings = Diagnosis.diagnose(body, headers, List.of(new Secret("whsec_demo")));
        assertEquals("body_reserialized", findings.get(0).getCause());
    }

    @Test
    void javaSends() throws Exception {
        try (Sender sender = new Sender(RetryPolicy.NONE, true)) {
            Endpoint endpoint = new Endpoint("http://127.0.0.1:9/in", "whsec_demo");
            Event event = new Event("order.paid", Map.of("id", 42), "evt_1");
            Delivery delivery = sender.sendAsync(endpoint, event).get(30, TimeUnit.SECONDS);
            assertEquals(Delivery.Status.DEAD, delivery.getStatus());
            assertEquals(ErrorCode.CONNECTION_REFUSED, delivery.getAttempts().get(0).getError());
            Delivery other = sender.enqueue(endpoint, "order.paid", "{}").resultAsync().get(30, TimeUnit.SECONDS);
            assertEquals(delivery.getStatus(), other.getStatus());
        }
    }
}
