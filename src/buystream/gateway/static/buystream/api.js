// The shop's HTTP API: calls and problem+json, always against the origin that served this file.
import { noteServerTime } from "./clock.js";

export const origin = new URL(import.meta.url).origin;

const TIMEOUT_MS = 20_000;

const unanswered = () =>
  globalThis.navigator?.onLine === false
    ? "You’re offline. Try again once you’re back online."
    : "The shop could not be reached.";

/** An answer that is not a success. `status` 0: no answer came at all. */
export class Problem extends Error {
  constructor({ status, body = {}, retryAfterSeconds = null }) {
    super(body.detail ?? body.title ?? unanswered());
    this.status = status;
    this.reason = body.reason ?? null;
    this.available = body.available ?? null; // how many are left, when fewer than were ordered
    this.lines = body.lines ?? null; // what is wrong with each line of a file
    this.variant = body.variant_id ?? null; // what is short, of an order with several lines
    this.retryAfterSeconds = retryAfterSeconds;
  }

  /** The session counts no more: it was ended, has expired, or its host's token was refused. */
  get isSignedOut() {
    return this.status === 401;
  }

  /** The same request may be sent again: it was not decided, or the answer was lost. */
  get isTransient() {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

/** One request; JSON in, JSON out. Throws `Problem`. `keepalive`: it is sent even if the page ends meanwhile. */
export async function request(method, path, { body, token, idempotencyKey, keepalive = false } = {}) {
  const headers = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (token) headers.Authorization = `Bearer ${token}`;
  if (idempotencyKey) headers["Idempotency-Key"] = idempotencyKey;
  const aborter = new AbortController();
  const timer = setTimeout(() => aborter.abort(), TIMEOUT_MS);
  try {
    const response = await fetch(origin + path, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: aborter.signal,
      keepalive,
    });
    noteServerTime(response.headers.get("Date"));
    const text = await response.text();
    if (response.ok) return text ? JSON.parse(text) : null;
    throw new Problem({
      status: response.status,
      body: parsed(text),
      retryAfterSeconds: Number(response.headers.get("Retry-After")) || null,
    });
  } catch (error) {
    throw error instanceof Problem ? error : new Problem({ status: 0 });
  } finally {
    clearTimeout(timer);
  }
}

/** A file of the shop's, as a browser's own download; with a `body`, the answer to a POST. Throws `Problem`. */
export async function download(path, token, name, body) {
  const headers = { Authorization: `Bearer ${token}`, ...(body && { "Content-Type": "application/json" }) };
  const sent = body ? { method: "POST", headers, body: JSON.stringify(body) } : { headers };
  const response = await fetch(origin + path, sent).catch(() => {
    throw new Problem({ status: 0 });
  });
  if (!response.ok) throw new Problem({ status: response.status, body: parsed(await response.text()) });
  const address = URL.createObjectURL(await response.blob());
  const link = Object.assign(document.createElement("a"), { href: address, download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(address), 60_000);
}

function parsed(text) {
  try {
    return JSON.parse(text) ?? {};
  } catch {
    return {};
  }
}

const once = new Map();

/** GET `path` once per page; a failure is not kept. */
export function constant(path) {
  if (!once.has(path)) {
    once.set(path, request("GET", path));
    once.get(path).catch(() => once.delete(path));
  }
  return once.get(path);
}
