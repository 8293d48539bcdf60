// Server-sent events over fetch: EventSource can't send an Authorization header. Where streams don't get through (a
// proxy that holds them back, an old web view), the plain resource is polled instead, from the moment that the first
// byte is late.
import { origin } from "./api.js";
import { noteServerTime } from "./clock.js";

const FIRST_LOOK_MS = 1_500;
const FIRST_MESSAGE_MS = 6_000;
const SILENCE_MS = 60_000;
const POLL_MS = 4_000;
const SILENT_STREAMS_MAX = 2;
const STREAM_AGAIN_MS = 120_000;
const BACKOFF_MS = [500, 1_000, 2_000, 4_000, 8_000];

// Streams in a row of which not one byte came: what lies between holds them back, whatever they are about.
let silent = 0;
let streamAgainAt = 0;

/**
 * Follows a resource until `isFinal(value)` or the returned function is called.
 *
 * path: the resource; its stream is `${path}/stream`; `query` goes to both. onValue(value, event): each state, the
 * first one at once; `event` is its name in the stream, "" when it was polled. onAlive(): anything came. onAway(): a
 * request failed, and another follows. token(): resolves to the bearer token, or null. onConnection(live): true while a
 * stream is up. onProblem(status): one of the `hopeless` answers, that a retry won't mend; following ends.
 * stream false: polling only.
 */
export function follow(
  path,
  {
    query = "",
    onValue,
    onAlive = () => {},
    onAway = () => {},
    isFinal = () => false,
    token = async () => null,
    onConnection = () => {},
    onProblem = () => {},
    hopeless = [401, 403, 404],
    stream = true,
  },
) {
  const stop = new AbortController();
  let failures = 0;
  const deliver = (value, event = "") => {
    if (stop.signal.aborted) return;
    onValue(value, event);
    if (isFinal(value)) stop.abort();
  };

  /** One request; `within` milliseconds to its first message. */
  const attempt = async (url, within, read) => {
    const bearer = await token();
    const aborter = new AbortController();
    const abort = () => aborter.abort();
    const timer = setTimeout(abort, within);
    stop.signal.addEventListener("abort", abort);
    try {
      const headers = bearer ? { Authorization: `Bearer ${bearer}` } : {};
      const response = await fetch(origin + url + query, { headers, signal: aborter.signal, cache: "no-store" });
      noteServerTime(response.headers.get("Date"));
      if (hopeless.includes(response.status)) {
        stop.abort();
        onProblem(response.status);
      }
      if (!response.ok) throw new Error(String(response.status));
      await read(response, abort, () => clearTimeout(timer));
    } finally {
      clearTimeout(timer);
      aborter.abort();
      stop.signal.removeEventListener("abort", abort);
    }
  };

  const poll = () =>
    attempt(path, FIRST_MESSAGE_MS, async (response) => {
      const value = await response.json();
      onAlive();
      deliver(value);
    });

  const readStream = async () => {
    const began = performance.now();
    let isSilent = true;
    let look = null;
    const lookIn = (milliseconds) => {
      look = setTimeout(() => {
        poll().catch(() => {});
        lookIn(POLL_MS);
      }, milliseconds);
    };
    lookIn(FIRST_LOOK_MS);
    try {
      await attempt(`${path}/stream`, FIRST_MESSAGE_MS, async (response, abort, arrived) => {
        let watchdog = null;
        try {
          for await (const { event, data } of messages(response.body)) {
            arrived();
            clearTimeout(look);
            clearTimeout(watchdog);
            watchdog = setTimeout(abort, SILENCE_MS);
            isSilent = false;
            failures = 0;
            onConnection(true);
            onAlive();
            if (data) deliver(JSON.parse(data), event);
            if (stop.signal.aborted) return;
          }
        } finally {
          clearTimeout(watchdog);
        }
      });
    } finally {
      clearTimeout(look);
      if (!isSilent) silent = 0;
      else if (!stop.signal.aborted && performance.now() - began >= FIRST_MESSAGE_MS) silent += 1;
      if (silent >= SILENT_STREAMS_MAX) streamAgainAt = performance.now() + STREAM_AGAIN_MS;
    }
  };

  const run = async () => {
    while (!stop.signal.aborted) {
      const streaming = stream && performance.now() >= streamAgainAt;
      await (streaming ? readStream() : poll()).catch(() => !stop.signal.aborted && onAway());
      if (stop.signal.aborted) return;
      onConnection(false);
      await pause(streaming ? BACKOFF_MS[Math.min(failures++, BACKOFF_MS.length - 1)] : POLL_MS, stop.signal);
      if (streaming && failures > 1 && !stop.signal.aborted) await poll().catch(() => {});
    }
  };
  run();
  return () => stop.abort();
}

/** Name and data of each server-sent event in a body; no data for a comment (a sign of life). */
async function* messages(body) {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let text = "";
  let event = "";
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
      else if (line.startsWith("event:")) event = line.slice(6).trim();
      else if (line.startsWith(":")) yield { event: "", data: "" };
      else if (line === "" && data.length) {
        yield { event, data: data.join("\n") };
        event = "";
        data = [];
      }
    }
  }
}

/**
 * Resolves after `milliseconds`, a little spread so that a crowd doesn't come back at once, or when the signal
 * aborts.
 */
export function pause(milliseconds, signal = null) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, milliseconds * (0.8 + 0.4 * Math.random()));
    signal?.addEventListener(
      "abort",
      () => {
        clearTimeout(timer);
        resolve();
      },
      { once: true },
    );
  });
}
