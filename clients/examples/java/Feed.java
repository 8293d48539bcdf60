import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.common.serialization.StringDeserializer;

/**
 * Prints a merchant's order events, each once, in the order of their edition. Needs Java 17 and kafka-clients:
 *
 * <pre>java -cp 'kafka-clients.jar:slf4j-api.jar' Feed.java 127.0.0.1:9092 buystream.merchant.me3-q8v1x0t5bn</pre>
 *
 * <p>A third argument ends it after that many events. For SASL and TLS, add the client's security properties.
 */
public final class Feed {
    public static void main(String[] arguments) {
        String topic = arguments[1];
        long left = arguments.length > 2 ? Long.parseLong(arguments[2]) : Long.MAX_VALUE;
        Properties settings = new Properties();
        settings.put("bootstrap.servers", arguments[0]);
        settings.put("group.id", topic + ".java");
        settings.put("isolation.level", "read_committed"); // the default shows events that were given up
        settings.put("enable.auto.commit", "false");
        settings.put("auto.offset.reset", "earliest");
        settings.put("session.timeout.ms", "10000");
        Map<String, Long> versions = new HashMap<>(); // the last of each edition; keep it with your own data
        StringDeserializer text = new StringDeserializer();
        try (KafkaConsumer<String, String> consumer = new KafkaConsumer<>(settings, text, text)) {
            consumer.subscribe(List.of(topic));
            while (left > 0) {
                for (ConsumerRecord<String, String> record : consumer.poll(Duration.ofSeconds(1))) {
                    String edition = header(record, "ce_partitionkey");
                    String version = header(record, "ce_editionversion");
                    if (left == 0 || edition == null || version == null) {
                        continue;
                    }
                    long found = Long.parseLong(version);
                    long last = versions.getOrDefault(edition, 0L);
                    if (found <= last) {
                        continue; // a repeat
                    }
                    if (last > 0 && found > last + 1) {
                        System.err.printf("gap: %s goes from version %d to %d%n", edition, last, found);
                    }
                    System.out.printf("%s %s %s %s%n",
                            header(record, "ce_type"), header(record, "ce_subject"), version, record.value());
                    versions.put(edition, found);
                    left--;
                }
                consumer.commitSync(); // after the work, never before it
            }
        }
    }

    private static String header(ConsumerRecord<String, String> record, String name) {
        var header = record.headers().lastHeader(name);
        return header == null ? null : new String(header.value(), StandardCharsets.UTF_8);
    }
}
