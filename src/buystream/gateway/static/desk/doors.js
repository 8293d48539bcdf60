// The door of an event: how many are inside and come each minute, who let in what, double entries, and the phones that
// scan.
import { h } from "../buystream/dom.js";
import { ask, field } from "./ask.js";
import { offerEditions } from "./edition-choice.js";
import { showGuests } from "./guests.js";
import { clockTime } from "./moments.js";

const REFRESH_MS_MIN = 3_000;
const MINUTE_MS = 60_000;
const element = (id) => document.getElementById(id);
const count = (number) => number.toLocaleString();

export class Doors {
  #call;
  #say;
  #loadedAt = -Infinity;
  #editions = [];
  #board = null;

  constructor({ call, say }) {
    this.#call = call;
    this.#say = say;
    element("door-edition").addEventListener("change", () => this.#load());
    element("door-scanner").addEventListener("click", () => this.#addScanner());
    element("door-gates").addEventListener("click", () => this.#arrange());
    element("door-guests").addEventListener("click", () => {
      const { title } = this.#editions.find(({ edition_id: id }) => id === element("door-edition").value);
      showGuests({ call: this.#call, say: this.#say, path: this.#path, title });
    });
  }

  /** Before another merchant signs in. */
  clear() {
    this.#loadedAt = -Infinity;
    this.#editions = [];
    element("door-panel").hidden = true;
  }

  /** The dashboard has come: editions with an event have a door, the newest first. */
  async refresh(editions) {
    this.#editions = editions.filter(({ event }) => event);
    element("door-panel").hidden = !this.#editions.length;
    if (!this.#editions.length || document.hidden || performance.now() - this.#loadedAt < REFRESH_MS_MIN) return;
    offerEditions(element("door-edition"), this.#editions);
    await this.#load();
  }

  get #path() {
    return `/v1/merchant/editions/${element("door-edition").value}`;
  }

  async #load() {
    this.#loadedAt = performance.now();
    try {
      this.#board = await this.#call("GET", `${this.#path}/door`);
    } catch (problem) {
      this.#say(`The door could not be loaded. ${problem.message}`);
      return;
    }
    this.#draw(this.#board);
  }

  #draw(board) {
    const minute = Math.max(0, ...board.per_minute.map(({ at_ms: atMs }) => atMs));
    const lately = board.per_minute.filter(({ at_ms: atMs }) => atMs > minute - 5 * MINUTE_MS);
    const entries = lately.reduce((sum, one) => sum + one.entries, 0);
    element("door-inside").textContent = count(board.inside);
    element("door-rate").textContent = (entries / Math.max(1, lately.length)).toFixed(1);
    element("door-absent").textContent = count(board.no_shows);
    element("door-absent-sub").textContent = `of ${count(board.sold)} sold`;
    element("door-refused").textContent = count(board.refused);
    element("door-doubles-panel").hidden = !board.double_entries.length;
    element("door-doubles").replaceChildren(...board.double_entries.map((one) => doubleRow(one, board)));
    element("door-recent").replaceChildren(...board.recent.map((one) => scanRow(one, board)));
  }

  #addScanner() {
    ask({
      title: "Add a scanner",
      text: "A phone of its own for each place. Its key opens this door and nothing else, until it expires.",
      confirm: "Make a link",
      fields: [
        field("name", "What the phone is called", { required: true, maxlength: 80, placeholder: "North, phone 1" }),
        field("hours", "For how many hours", { type: "number", min: 1, max: 744, step: 1, value: 12, required: true }),
      ],
      act: async ({ name, hours }, key) => {
        const wish = { name: name.value.trim(), hours: Number(hours.value) };
        const made = await this.#call("POST", `${this.#path}/scanners`, wish, key);
        setTimeout(() => showLink(made)); // this dialog closes first
      },
    });
  }

  #arrange() {
    const { gates, reentry } = this.#board.arrangement;
    const lines = gates.map(({ title, variant_ids: ids }) => (ids.length ? `${title}: ${ids.join(", ")}` : title));
    ask({
      title: "Gates",
      text: "One gate a line: its name, and after a colon the variants that it admits. Without any there is one door.",
      confirm: "Save",
      fields: [
        field("gates", "Gates", { rows: 5, value: lines.join("\n"), wide: true }),
        field("reentry", "Let people in again who have left", { type: "checkbox", checked: reentry }),
      ],
      act: async (form) => {
        const wish = { gates: gatesOf(form.gates.value), reentry: form.reentry.checked };
        this.#draw((this.#board = await this.#call("PUT", `${this.#path}/door`, wish)));
        this.#say("The door is arranged.");
      },
    });
  }
}

function gatesOf(text) {
  const lines = text
    .split("\n")
    .map((line) => line.trim())
    .filter(Boolean);
  return lines.map((line, number) => {
    const [title, variants = ""] = line.split(":");
    const ids = variants
      .split(",")
      .map((id) => id.trim())
      .filter(Boolean);
    const name = title.trim().toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "");
    return { gate_id: (name || `gate-${number + 1}`).slice(0, 40), title: title.trim(), variant_ids: ids };
  });
}

/** The only time that the key is shown. */
function showLink({ name, link, qr }) {
  ask({
    title: `The link for ${name}`,
    text: "Open it on the phone, or let the phone's camera read it. It is shown only once.",
    confirm: "The phone has it",
    fields: [
      h("img", {
        class: "door-qr",
        alt: "The link as a QR code",
        src: `data:image/svg+xml;base64,${btoa(qr)}`,
      }),
      field("link", "Link", {
        value: link,
        readonly: true,
        wide: true,
        onfocus: ({ currentTarget }) => currentTarget.select(),
      }),
    ],
    act: async () => {},
  });
}

const gateTitle = (board, id) => board.arrangement.gates.find((gate) => gate.gate_id === id)?.title;

const where = (passage, board) =>
  [clockTime(passage.scanned_at_ms), passage.scanner, gateTitle(board, passage.gate_id)].filter(Boolean).join(", ");

function doubleRow({ ticket_id: ticketId, first, second }, board) {
  return h(
    "li",
    {},
    h("strong", {}, `Ticket ${ticketId.slice(-8).toUpperCase()} let two in`),
    ` ${where(first, board)}; again ${where(second, board)}`,
  );
}

function scanRow(scan, board) {
  const { answer, despite, undone, passed } = scan;
  const isGood = answer === "valid" || answer === "left";
  const notes = [
    despite && `although ${despite.replaceAll("_", " ")}`,
    passed && "without a network",
    undone && "undone",
  ].filter(Boolean);
  return h(
    "tr",
    {},
    h("td", { "data-label": "Placed" }, where(scan, board)),
    h("td", { "data-label": "Edition" }, h("code", {}, scan.ticket_id.slice(-8).toUpperCase())),
    h(
      "td",
      { "data-label": "State" },
      h("span", { class: `state ${isGood ? "state-confirmed" : "state-disputed"}` }, answer.replaceAll("_", " ")),
      notes.length > 0 && h("span", { class: "muted" }, notes.join(", ")),
    ),
  );
}
