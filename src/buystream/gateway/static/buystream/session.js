// The buyer's session. A browser has one of its own. A page of a host application speaks for the host's user, whose
// session is stored separately and ends when a page names another user, or none. Runs in documents of the shop's
// origin only: no script of an embedding page ever holds a session.
import { Problem, origin, request } from "./api.js";
import { isInsideForeignPage } from "./guard.js";
import { forget, keysOf, memory, recall, remember } from "./storage.js";

const KEPT = `buystream.session@${origin}`;
const HOSTED = `${KEPT}#`;

const PERSON = "buystream.person";

let person = memory.get(PERSON) ?? ""; // "" for this browser's own session, otherwise `host/user`
let hostToken = null; // the newest one that the page has given for that person; it counts once
let opening = null;

/** Emits "person" when the page names another person. */
export const changes = new EventTarget();

const key = () => (person ? HOSTED + person : KEPT);

/** The user that a host's token names. Unverified: it only separates what is stored for different people. */
function subjectOf(token) {
  try {
    const text = atob(token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/"));
    const { iss, sub } = JSON.parse(
      decodeURIComponent(Array.from(text, (one) => `%${one.charCodeAt(0).toString(16).padStart(2, "0")}`).join("")),
    );
    return `${iss}/${sub}`;
  } catch {
    return "unreadable/";
  }
}

/** Goes into the storage keys of what belongs to the present person only. */
export const personKey = () => (person ? `#${person}` : "");

/** The page speaks for this host's user, or with null for the person at this browser. */
export function identify(token) {
  const named = token ? subjectOf(token) : "";
  hostToken = token;
  const isOther = named !== person;
  person = named;
  memory.set(PERSON, person);
  if (isOther) opening = null;
  for (const other of keysOf(HOSTED)) if (other !== key()) end(other);
  if (isOther) changes.dispatchEvent(new Event("person"));
}

function end(kept) {
  const token = recall(kept)?.token;
  forget(kept);
  if (token) request("DELETE", "/v1/session", { token, keepalive: true }).catch(() => {}); // it expires anyway
}

/** The present person's session token; one session per page for all its buttons. */
export function sessionToken() {
  const kept = recall(key());
  if (kept) return Promise.resolve(kept.token);
  opening ??= open(key()).finally(() => {
    opening = null;
  });
  return opening;
}

async function open(into) {
  if (person && !hostToken) throw new Problem({ status: 401 });
  const body = person ? { host_token: hostToken } : { framed: isInsideForeignPage() };
  hostToken = null;
  const { token } = await request("POST", "/v1/session", { body });
  remember(into, { token });
  return token;
}

export const hasSession = () => recall(key()) !== null;

/** Whether the present person can have a session without signing in at the host again. */
export const canSignIn = () => !person || hostToken !== null;

/** Log out: here, and at the shop. */
export function signOut() {
  hostToken = null;
  end(key());
}

/** Forget a session that the shop has ended; the next request of a browser's own begins a new one. */
export const endSession = () => forget(key());

/**
 * A request as the present person. A session that has ended is replaced only by the same person's, with a fresh token
 * from the host. Otherwise the 401 is passed on: nobody silently becomes another buyer.
 */
export async function asBuyer(method, path, { body } = {}) {
  const used = await sessionToken();
  try {
    return await request(method, path, { body, token: used });
  } catch (problem) {
    if (!problem.isSignedOut || !person) throw problem;
    // Of several requests in progress, the first to be refused uses the host's token for all of them.
    const isReplaced = opening !== null || (recall(key())?.token ?? used) !== used;
    if (!isReplaced && !hostToken) throw problem;
    if (!isReplaced) forget(key());
    return request(method, path, { body, token: await sessionToken() });
  }
}

/** Take over a session by a link's code, which works once. */
export async function continueSession(code) {
  const { token } = await request("POST", "/v1/session", { body: { link_code: code } });
  remember(key(), { token });
}

/** A session that was handed over by another window of the shop's. */
export function adoptSession(token) {
  remember(key(), { token });
}
