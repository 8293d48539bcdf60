// Server-sent events over fetch: EventSource can't send an Authorization header. Reconnects with backoff and asks the plain
// resource before each new attempt, so where streams never work (a buffering proxy, an old web view) it is simply polling.
import { origin } from "./api.js";

const FIRST_MESSAGE_MS = 6_000;
const SILENCE_MS = 60_000;
const POLL_MS = 4_000;
const BACKOFF_MS = [500, 1_000, 2_000, 4_000, 8_000];

/**
 * Follows a resource until `isFinal(value)` or the returned function is called.
 *
 * path: the resource; its stream is `${path}/stream`. onValue(value): each state, the first one at once.
 * token(): resolves to the bearer token, or null. onConnection(live): true while a stream is up.
 * onProblem(status): one of the `hopeless` answers, that a retry won't mend; following ends. stream false: polling only.
 */
export function follow(path, { onValue, isFinal = () => false, token = async () => null, onConnection = () => {}, onProblem = () => {}, hopeless = [401, 403, 404], stream = true }) {
  const stop = new AbortController();
  let failures = 0;
  const deliver = (value) => {
    if (stop.signal.aborted) return;
    onValue(value);
    if (isFinal(value)) stop.abort();
  };
  const attempt = async (url, read) => {
    const bearer = await token();
    const aborter = new AbortController();
    const abort = () => aborter.abort();
    stop.signal.addEventListener("abort", abort);
    try {
      const headers = bearer ? { Authorization: `Bearer ${bearer}` } : {};
      const response = await fetch(origin + url, { headers, signal: aborter.signal, cache: "no-store" });
      if (hopeless.includes(response.status)) {
        stop.abort();
        onProblem(response.status);
      }
      if (!response.ok) throw new Error(String(response.status));
      await read(response, abort);
    } finally {
      aborter.abort();
      stop.signal.removeEventListener("abort", abort);
    }
  };
  const readStream = async (response, abort) => {
    let watchdog = setTimeout(abort, FIRST_MESSAGE_MS);
    try {
      for await (const data of messages(response.body)) {
        clearTimeout(watchdog);
        watchdog = setTimeout(abort, SILENCE_MS);
        failures = 0;
        onConnection(true);
        if (data) deliver(JSON.parse(data));
        if (stop.signal.aborted) return;
      }
    } finally {
      clearTimeout(watchdog);
    }
  };
  const poll = () => attempt(path, async (response) => deliver(await response.json()));
  const run = async () => {
    while (!stop.signal.aborted) {
      await (stream ? attempt(`${path}/stream`, readStream) : poll()).catch(() => {});
      if (stop.signal.aborted) return;
      onConnection(false);
      await pause(stream ? BACKOFF_MS[Math.min(failures++, BACKOFF_MS.length - 1)] : POLL_MS, stop.signal);
      if (stream && failures > 1 && !stop.signal.aborted) await poll().catch(() => {});
    }
  };
  run();
  return () => stop.abort();
}

/** The data of each server-sent event in a body; an empty string for a comment (a sign of life). */
async function* messages(body) {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  let data = [];
  for (;;) {
    const { value, done } = await reader.read();
    if (done) return;
    text += decoder.decode(value, { stream: true });
    const lines = text.split("\n");
    text = lines.pop();
    for (const raw of lines) {
      const line = raw.endsWith("\r") ? raw.slice(0, -1) : raw;
      if (line.startsWith("data:")) data.push(line.slice(5).replace(/^ /, ""));
      else if (line.startsWith(":")) yield "";
      else if (line === "" && data.length) {
        yield data.join("\n");
        data = [];
      }
    }
  }
}

/** Resolves after `milliseconds`, a little spread so that a crowd doesn't come back at once, or when the signal aborts. */
export function pause(milliseconds, signal = null) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds * (0.8 + 0.4 * Math.random()));
    signal?.addEventListener("abort", () => { clearTimeout(timer); resolve(); }, { once: true });
  });
}
