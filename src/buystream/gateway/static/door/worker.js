// The door's service worker: keeps the page and what it is made of, so that it opens without a network. The first line,
// which the shop writes, says which files, and names their state.
/* global DOOR_FILES, DOOR_STATE */

const CACHE = `buystream-door-${DOOR_STATE}`;

addEventListener("install", (event) => {
  const kept = caches.open(CACHE).then((cache) => cache.addAll(DOOR_FILES.map((file) => fresh(file))));
  event.waitUntil(kept.then(() => self.skipWaiting()));
});

addEventListener("activate", (event) => {
  const others = (names) => names.filter((name) => name.startsWith("buystream-door-") && name !== CACHE);
  const cleared = caches.keys().then((names) => Promise.all(others(names).map((name) => caches.delete(name))));
  event.waitUntil(cleared.then(() => self.clients.claim()));
});

addEventListener("fetch", (event) => {
  const { pathname, origin } = new URL(event.request.url);
  const isOurs = origin === self.location.origin && event.request.method === "GET" && DOOR_FILES.includes(pathname);
  if (isOurs) event.respondWith(kept(pathname, event.request));
});

async function kept(pathname, request) {
  const cache = await caches.open(CACHE);
  return (await cache.match(pathname)) ?? fetch(request);
}

const fresh = (file) => new Request(file, { cache: "reload" });
