// The shop's HTTP API: sessions, calls and problem+json, always against the origin that served this file.
import { forget, recall, remember } from "./storage.js";

export const origin = new URL(import.meta.url).origin;

const SESSION_KEY = `buystream.session@${origin}`;
const TIMEOUT_MS = 20_000;

/** An answer that is not a success. `status` 0: no answer came at all. */
export class Problem extends Error {
  constructor({ status, body = {}, retryAfterSeconds = null }) {
    super(body.detail ?? body.title ?? "The shop could not be reached.");
    this.status = status;
    this.reason = body.reason ?? null;
    this.retryAfterSeconds = retryAfterSeconds;
  }

  /** The same request may be sent again: it was not decided, or the answer was lost. */
  get isTransient() {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

/** One request; JSON in, JSON out. Throws `Problem`. */
export async function request(method, path, { body, token, idempotencyKey } = {}) {
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
    });
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

/** A file of the shop's, as a browser's own download. Throws `Problem`. */
export async function download(path, token, name) {
  const response = await fetch(origin + path, { headers: { Authorization: `Bearer ${token}` } }).catch(() => { throw new Problem({ status: 0 }); });
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

let opening = null;

/**
 * The buyer's session token; one session per page, whatever the number of buttons.
 * A host token (signed by the host application, single use) is exchanged once and remembered as used.
 */
export function sessionToken(hostToken = null) {
  const kept = recall(SESSION_KEY);
  if (kept && (!hostToken || kept.host_token === hostToken)) return Promise.resolve(kept.token);
  opening ??= request("POST", "/v1/session", { body: hostToken ? { host_token: hostToken } : {}, token: kept?.token })
    .then(({ token }) => {
      remember(SESSION_KEY, { token, host_token: hostToken });
      return token;
    })
    .finally(() => {
      opening = null;
    });
  return opening;
}

export const hasSession = () => recall(SESSION_KEY) !== null;
export const endSession = () => forget(SESSION_KEY);

/** A request as this buyer; a session that the shop no longer knows is replaced once. */
export async function asBuyer(method, path, { body, hostToken = null } = {}) {
  try {
    return await request(method, path, { body, token: await sessionToken(hostToken) });
  } catch (problem) {
    if (problem.status !== 401) throw problem;
    forget(SESSION_KEY);
    return request(method, path, { body, token: await sessionToken() });
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
