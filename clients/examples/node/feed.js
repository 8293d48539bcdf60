// Prints a merchant's order events as lines of JSON, each once, in the order of their edition.
//   npm install && KAFKA=127.0.0.1:9092 TOPIC=buystream.merchant.me3-q8v1x0t5bn node feed.js
// EVENTS ends it after that many. With SASL and TLS, add `ssl: true` and `sasl: {…}` to the client.
import { Kafka, logLevel } from "kafkajs";

const topic = process.env.TOPIC;
const kafka = new Kafka({ clientId: "feed-example", brokers: process.env.KAFKA.split(","), logLevel: logLevel.ERROR });
// kafkajs reads only committed records by default.
const consumer = kafka.consumer({ groupId: process.env.GROUP ?? `${topic}.node`, sessionTimeout: 10_000 });
const versions = new Map(); // the last version of each edition that is done; keep it with your own data
let left = Number(process.env.EVENTS ?? Infinity);

await consumer.connect();
await consumer.subscribe({ topic, fromBeginning: true });
await consumer.run({
  autoCommit: false,
  eachMessage: async ({ partition, message }) => {
    const header = (name) => message.headers?.[name]?.toString();
    const next = [{ topic, partition, offset: (BigInt(message.offset) + 1n).toString() }];
    const edition = header("ce_partitionkey");
    const version = Number(header("ce_editionversion"));
    const last = versions.get(edition) ?? 0;
    if (!edition || !version || left === 0) return;
    if (version > last) {
      if (last && version > last + 1) console.error(`gap: ${edition} goes from version ${last} to ${version}`);
      const body = JSON.parse(message.value);
      console.log(JSON.stringify({ type: header("ce_type"), subject: header("ce_subject"), version, body }));
      versions.set(edition, version);
      left -= 1;
    }
    await consumer.commitOffsets(next); // after the work, never before it
    if (left === 0) setImmediate(() => consumer.disconnect());
  },
});
