// Everything that a page watches, in one stream: over HTTP/1.1 a browser opens six connections per host for all its
// tabs. Tabs of one browser and person share the stream: the tab that holds a lock follows, and passes values on.
import { origin } from "./api.js";
import { follow } from "./live.js";
import { changes, personKey, sessionToken } from "./session.js";
import { isShared } from "./storage.js";

const SUBJECTS_MAX = 50; // of each kind; the shop takes no more in one request
const SETTLE_MS = 30; // a page's buttons come one after another
const LEADER_SILENT_MS = 20_000;

const watched = new Map(); // `edition/ID` or `order/ID` -> {kind, id, value, listeners: Map of onValue -> onMissing}
const others = new Map(); // what other tabs watch, by tab, while this one leads
const me = crypto.randomUUID?.() ?? String(Math.random());

let stop = null;
let settling = null;
let carrier = null;
let share = null; // {channel, release} while the tabs share a stream
let isLeader = false;
let lastMessageAt = 0;
let withoutOrders = false; // the session has ended; boards still come
let isAway = false; // the last request failed

/** Why nothing comes now: "offline", "away" (the shop doesn't answer), or "" when all is well. */
export const trouble = () => (navigator.onLine ? (isAway ? "away" : "") : "offline");

export const watchBoard = (id, onValue, onMissing = () => {}) => watch("edition", id, onValue, onMissing);
export const watchOrder = (id, onValue, onMissing = () => {}) => watch("order", id, onValue, onMissing);

/** Calls `onValue(value)` now, if it is known, and at every change. Returns the way to stop. */
function watch(kind, id, onValue, onMissing) {
  const name = `${kind}/${id}`;
  const entry = watched.get(name) ?? { kind, id, value: null, listeners: new Map() };
  const isNew = !watched.has(name);
  watched.set(name, entry);
  entry.listeners.set(onValue, onMissing);
  if (entry.value) onValue(entry.value);
  if (kind === "order") withoutOrders = false;
  if (isNew) changed();
  return () => {
    entry.listeners.delete(onValue);
    if (entry.listeners.size > 0 || watched.get(name) !== entry) return;
    watched.delete(name);
    changed();
  };
}

const wanted = () => [...watched.keys()];

/**
 * On a page that isn't the shop's, the shop's frame follows in its own stream what the page watches, too:
 * `watch(editions)` says which. Returns where the frame's boards are to go.
 */
export function carriedBy(watch) {
  leave();
  carrier = watch;
  if (watched.size > 0) changed();
  return deliver;
}

/** The set of subjects has changed. */
function changed() {
  clearTimeout(settling);
  settling = setTimeout(() => {
    if (carrier) return carrier([...watched.values()].map(({ id }) => id));
    if (watched.size === 0) leave();
    else if (share || join()) broadcast({ wants: wanted() });
    if (watched.size > 0 && (isLeader || !share)) restart();
    return undefined;
  }, SETTLE_MS);
}

/** Join the stream that the tabs share, where this browser can. Returns false when this page needs its own. */
function join() {
  if (!navigator.locks || !globalThis.BroadcastChannel || !isShared()) return false;
  const name = `buystream.live@${origin}${personKey()}`;
  const channel = new BroadcastChannel(name);
  const mine = { channel, release: () => {}, isOver: false };
  share = mine;
  lastMessageAt = performance.now();
  channel.onmessage = ({ data }) => received(data);
  mine.checking = setInterval(checkLeader, LEADER_SILENT_MS / 4);
  navigator.locks.request(name, () => {
    if (mine.isOver) return undefined;
    isLeader = true;
    broadcast({ asks: true });
    restart();
    return new Promise((release) => {
      mine.release = release;
    });
  });
  return true;
}

function leave() {
  stop?.();
  stop = null;
  if (!share) return;
  broadcast({ wants: [] });
  share.isOver = true;
  clearInterval(share.checking);
  share.channel.close();
  share.release();
  share = null;
  isLeader = false;
  others.clear();
}

const broadcast = (message) => share?.channel.postMessage({ ...message, tab: me });

function received({ tab, asks, wants, value, event, away = false }) {
  if (asks) broadcast({ wants: wanted() });
  if (wants && isLeader) {
    const had = others.get(tab) ?? [];
    others.set(tab, wants);
    if (!wants.length) others.delete(tab);
    for (const name of wants)
      if (watched.get(name)?.value) broadcast({ value: watched.get(name).value, event: kindOf(name) });
    // What only other tabs watch isn't kept here; a new stream begins with every value.
    if (wants.some((name) => !had.includes(name) && !watched.has(name))) restart();
  }
  if (isLeader || wants || asks) return;
  lastMessageAt = performance.now();
  isAway = away;
  stop?.(); // there is a leader after all
  stop = null;
  if (value) deliver(value, event);
}

/** While the leader is silent (its tab sleeps), this tab follows on its own. */
function checkLeader() {
  if (!isLeader && !stop && performance.now() - lastMessageAt > LEADER_SILENT_MS) restart();
}

const kindOf = (name) => (name.startsWith("edition/") ? "board" : "order");

function restart() {
  stop?.();
  const names = [...new Set([...watched.keys(), ...[...others.values()].flat()])];
  const ids = (kind) =>
    names
      .filter((name) => name.startsWith(`${kind}/`))
      .slice(0, SUBJECTS_MAX)
      .map((name) => name.slice(kind.length + 1));
  const orders = withoutOrders ? [] : ids("order");
  const query = new URLSearchParams({ edition: ids("edition").join(","), order: orders.join(",") });
  stop = follow("/v1/live", {
    query: `?${query}`,
    token: () => (orders.length ? sessionToken() : Promise.resolve(null)),
    hopeless: [401, 403, 422],
    onProblem: (status) => status === 401 && signedOut(),
    onAlive: () => {
      isAway = false;
      if (isLeader) broadcast({ alive: true });
    },
    onAway: () => {
      isAway = true;
      if (isLeader) broadcast({ away: true });
    },
    onValue: (value, event) => {
      for (const [one, kind] of event ? [[value, event]] : polled(value)) {
        deliver(one, kind);
        if (isLeader) broadcast({ value: one, event: kind });
      }
    },
  });
}

function signedOut() {
  withoutOrders = true;
  for (const { kind, listeners } of watched.values())
    if (kind === "order") for (const onMissing of listeners.values()) onMissing(401);
  if (watched.size > 0) restart();
}

const polled = ({ boards, orders, missing }) => [
  ...boards.map((board) => [board, "board"]),
  ...orders.map((order) => [order, "order"]),
  ...missing.map((id) => [{ id }, "missing"]),
];

function deliver(value, event) {
  if (event === "missing") {
    for (const kind of ["edition", "order"])
      for (const onMissing of watched.get(`${kind}/${value.id}`)?.listeners.values() ?? []) onMissing();
    return;
  }
  const entry = watched.get(event === "board" ? `edition/${value.edition_id}` : `order/${value.order_id}`);
  if (!entry || (entry.value && value.version < entry.value.version)) return;
  entry.value = value;
  for (const onValue of entry.listeners.keys()) onValue(value);
}

addEventListener("online", () => {
  if (stop) restart(); // instead of waiting for the next try
});
changes.addEventListener("person", () => {
  leave();
  if (watched.size > 0) changed();
});
