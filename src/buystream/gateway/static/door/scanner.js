// The scanner without its screen: it decides with the shop or, without a network, on its own; what it decided on its
// own waits in the queue, and is uploaded in order.
import { Problem } from "../buystream/api.js";
import { randomText } from "../buystream/order-id.js";
import { decide, lets, nameOf } from "./decide.js";

const PAGE = 5000;
const UPLOADED_AT_ONCE = 50;

export class Scanner {
  #store;
  #now;
  #uploading = false;

  /** `call` as in calls.js, `now` the shop's time in milliseconds. */
  constructor({ store, call, now, door, name }) {
    this.#store = store;
    this.call = call;
    this.#now = now;
    this.door = door;
    this.name = name;
    this.gateId = "";
    this.direction = "entry";
    this.last = null;
    this.uploadProblem = "";
  }

  /** Lets someone in or out whom a search has found, which the shop alone can do. Throws `Problem`. */
  async admit(ticketId) {
    if (!(await this.upload())) throw new Problem({ status: 0 });
    const scan = this.#scanOf({ ticket_id: ticketId });
    const shown = fromShop(await this.call("POST", "/v1/door/scans", scan));
    if (lets(shown.answer)) {
      await this.#remember(ticketId, scan);
      this.last = { ticketId, nonce: scan.nonce };
    }
    return shown;
  }

  #scanOf(shown) {
    return {
      ...shown,
      ...{ nonce: randomText(), at: Math.round(this.#now()), scanner: this.name },
      ...{ gate: this.gateId, direction: this.direction },
    };
  }

  /** Answers a code: by the shop if it answers in time, else by the list. */
  async scan(text) {
    const scan = this.#scanOf({ code: text });
    const answer = navigator.onLine === false ? null : await this.#ask(scan);
    const shown = answer ?? (await this.#decideAlone(scan));
    if (lets(shown.answer)) this.last = { ticketId: shown.ticketId, nonce: scan.nonce };
    return shown;
  }

  async #ask(scan) {
    if (await this.#store.queued()) return null; // what comes later must not be decided before what waits
    try {
      const body = await this.call("POST", "/v1/door/scans", scan);
      const shown = fromShop(body);
      if (lets(shown.answer)) await this.#remember(shown.ticketId, scan);
      return { ...shown, name: await nameOf(scan.code, this.#store, this.door) };
    } catch (problem) {
      if (problem.status === 0 || problem.status === 429 || problem.status >= 500) return null;
      throw problem;
    }
  }

  async #decideAlone(scan) {
    const { direction, gateId } = this;
    const shown = await decide(scan.code, { store: this.#store, door: this.door, direction, gateId, atMs: scan.at });
    if (lets(shown.answer)) {
      await this.#remember(shown.ticketId, scan, (queue) => queue.add({ scan: { ...scan, passed: true } }));
    }
    return { ...shown, alone: true };
  }

  #remember(ticketId, scan, changeQueue) {
    const { direction, at: atMs, scanner, gate: gateId, nonce } = scan;
    const passage = { direction, atMs, scanner, gateId, nonce };
    return this.#store.change(ticketId, (passages) => [...passages.slice(-9), passage], changeQueue);
  }

  /** Takes the last scan back, here and at the shop. Throws `Problem` when the shop refuses. */
  async undo() {
    const { ticketId, nonce } = this.last;
    const waiting = await this.#store.waiting();
    const queued = waiting.find((one) => one.scan?.nonce === nonce);
    const undo = { ticket_id: ticketId, nonce, scanner: this.name };
    const isLater = !queued && (waiting.length || !(await this.#isUndone(undo)));
    await this.#store.change(
      ticketId,
      (passages) => passages.filter((one) => one.nonce !== nonce),
      (queue) => {
        if (queued) queue.delete(queued.place);
        else if (isLater) queue.add({ undo });
      },
    );
    this.last = null;
  }

  async #isUndone(undo) {
    try {
      await this.call("POST", "/v1/door/undo", undo);
      return true;
    } catch (problem) {
      if (problem.status === 0 || problem.status >= 500) return false;
      throw problem;
    }
  }

  /** Uploads what waits, in order; true when nothing is left. */
  async upload() {
    if (this.#uploading) return false;
    this.#uploading = true;
    try {
      for (;;) {
        const waiting = await this.#store.waiting(UPLOADED_AT_ONCE);
        this.uploadProblem = "";
        if (!waiting.length) return true;
        await this.#uploadSome(waiting);
      }
    } catch (problem) {
      if (problem.status === undefined) throw problem;
      this.uploadProblem = problem.status === 0 ? "" : problem.message;
      return false;
    } finally {
      this.#uploading = false;
    }
  }

  async #uploadSome(waiting) {
    const firstUndo = waiting.findIndex((one) => one.undo);
    if (firstUndo === 0) {
      await this.call("POST", "/v1/door/undo", waiting[0].undo, 20_000).catch((problem) => {
        if (!(problem.status >= 400 && problem.status < 500 && problem.status !== 401)) throw problem;
      });
      return this.#store.forget([waiting[0].place]);
    }
    return this.#uploadScans(firstUndo < 0 ? waiting : waiting.slice(0, firstUndo));
  }

  /** In halves where they are too large together. */
  async #uploadScans(scans) {
    try {
      await this.call("POST", "/v1/door/scans/batch", { scans: scans.map(({ scan }) => scan) }, 20_000);
    } catch (problem) {
      if (problem.status !== 413 || scans.length === 1) throw problem;
      const half = Math.ceil(scans.length / 2);
      await this.#uploadScans(scans.slice(0, half));
      return this.#uploadScans(scans.slice(half));
    }
    return this.#store.forget(scans.map(({ place }) => place));
  }

  /** Takes what is new of the list; `onProgress(number)` hears how many entries have come. */
  async refreshList(onProgress = () => {}) {
    const ask = (after) => this.call("GET", `/v1/door/list?after=${after}&limit=${PAGE}`, undefined, 30_000);
    let coming = ask((await this.#store.kept("cursor")) ?? 0);
    let come = 0;
    for (;;) {
      const page = await coming;
      if (page.more) {
        coming = ask(page.next); // while this page is written
        coming.catch(() => {}); // it is awaited when the page has been written
      }
      await this.#store.addToList(page.tickets, page.next);
      come += page.tickets.length;
      onProgress(come);
      if (!page.more) return come;
    }
  }
}

function fromShop(body) {
  const { answer, ticket_id: ticketId, variant_id: variantId, earlier } = body;
  const passage = earlier && {
    ...{ direction: earlier.direction, atMs: earlier.scanned_at_ms, scanner: earlier.scanner },
    ...{ gateId: earlier.gate_id, nonce: earlier.nonce },
  };
  return { answer, ticketId, variantId, earlier: passage };
}
