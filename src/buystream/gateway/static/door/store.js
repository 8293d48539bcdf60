// What the scanner keeps on the phone, in IndexedDB: the door and its key, the encrypted list, the passages that it
// knows, and the scans that wait for a network.

const NAME = "buystream-door";
const STORES = { kept: null, list: null, passages: null, queue: { keyPath: "place", autoIncrement: true } };

const done = (request) =>
  new Promise((resolve, reject) => {
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });

const completed = (transaction) =>
  new Promise((resolve, reject) => {
    transaction.oncomplete = resolve;
    transaction.onabort = transaction.onerror = () => reject(transaction.error);
  });

export async function openStore() {
  const opening = indexedDB.open(NAME, 1);
  opening.onupgradeneeded = () => {
    for (const [name, options] of Object.entries(STORES)) {
      opening.result.createObjectStore(name, options ?? undefined);
    }
  };
  const store = new Store(await done(opening));
  navigator.storage?.persist?.().catch(() => {}); // so that the phone doesn't delete it when it is short of space
  return store;
}

class Store {
  #database;

  constructor(database) {
    this.#database = database;
  }

  #in(name, mode = "readonly") {
    return this.#database.transaction(name, mode).objectStore(name);
  }

  kept(name) {
    return done(this.#in("kept").get(name));
  }

  keep(name, value) {
    return done(this.#in("kept", "readwrite").put(value, name));
  }

  /** Everything that was kept for one door. */
  async clear() {
    const transaction = this.#database.transaction(Object.keys(STORES), "readwrite");
    for (const name of Object.keys(STORES)) transaction.objectStore(name).clear();
    await completed(transaction);
  }

  entry(index) {
    return done(this.#in("list").get(index));
  }

  listed() {
    return done(this.#in("list").count());
  }

  /** Rows of the list as the shop sends them, and how far it has come, in one step. */
  async addToList(rows, cursor) {
    const transaction = this.#database.transaction(["list", "kept"], "readwrite");
    const list = transaction.objectStore("list");
    for (const [index, sealed, reason, last] of rows) list.put([sealed, reason, last], index);
    transaction.objectStore("kept").put(cursor, "cursor");
    await completed(transaction);
  }

  async passages(ticketId) {
    return (await done(this.#in("passages").get(ticketId))) ?? [];
  }

  /** Changes the ticket's passages, and the queue with them, in one step. */
  async change(ticketId, changePassages, changeQueue = () => {}) {
    const transaction = this.#database.transaction(["passages", "queue"], "readwrite");
    const store = transaction.objectStore("passages");
    const passages = (await done(store.get(ticketId))) ?? [];
    store.put(changePassages(passages), ticketId);
    changeQueue(transaction.objectStore("queue"));
    await completed(transaction);
  }

  waiting(most) {
    return done(this.#in("queue").getAll(undefined, most));
  }

  queued() {
    return done(this.#in("queue").count());
  }

  async forget(places) {
    const transaction = this.#database.transaction("queue", "readwrite");
    for (const place of places) transaction.objectStore("queue").delete(place);
    await completed(transaction);
  }
}
