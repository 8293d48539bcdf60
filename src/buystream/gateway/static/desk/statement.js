// A month's totals per currency, the files for spreadsheets, and the legal details that appear on receipts.
import { serverNow } from "../buystream/clock.js";
import { h } from "../buystream/dom.js";
import { money } from "../buystream/money.js";
import { ask, field } from "./ask.js";
import { useZone } from "./moments.js";

const COLUMNS = [
  ["sales_minor", 1],
  ["refunds_minor", -1],
  ["disputes_minor", -1],
  ["fees_minor", -1],
  ["fees_returned_minor", 1],
  ["net_minor", 1],
];
const DETAILS = [
  ["legal_name", "Legal name", { required: true, maxlength: 200 }],
  ["email", "E-mail", { type: "email", maxlength: 254 }],
  ["address", "Address", { rows: 3, required: true, maxlength: 1000, wide: true }],
  ["tax_id", "Tax number", { maxlength: 80 }],
  ["charity_id", "Charity number", { maxlength: 80 }],
];
const REFRESH_MS_MIN = 5_000;
const element = (id) => document.getElementById(id);

export class Statement {
  #call;
  #download;
  #say;
  #seen = "";
  #loadedAt = -Infinity;

  /** call(method, path, body): as JSON. download(path, name): as a file. */
  constructor({ call, download, say }) {
    this.#call = call;
    this.#download = download;
    this.#say = say;
    element("month").addEventListener("change", () => this.load());
    element("statement-file").addEventListener("click", () =>
      this.#file("statement.csv", `month=${this.#month}`, `statement-${this.#month}`),
    );
    element("receipts-file").addEventListener("click", () =>
      this.#file("receipts.csv", `year=${this.#year}`, `receipts-${this.#year}`),
    );
    element("time-zone").addEventListener("click", () => this.#timeZone());
    element("details").addEventListener("click", () => this.#details());
  }

  /** Before another merchant signs in. */
  clear() {
    this.#seen = "";
    this.#loadedAt = -Infinity;
    element("totals").replaceChildren();
  }

  get #month() {
    return element("month").value;
  }

  get #year() {
    return this.#month.slice(0, 4);
  }

  /** Reloads when money has moved, but not for every sale of a rush. */
  refreshIfChanged(totals) {
    const key = JSON.stringify([totals.confirmed, totals.revenue_minor]);
    if (key === this.#seen || performance.now() - this.#loadedAt < REFRESH_MS_MIN) return;
    this.#seen = key;
    this.load();
  }

  async load() {
    this.#loadedAt = performance.now();
    // A first guess: the statement's months are those of the merchant's time zone.
    element("month").value ||= new Date(serverNow()).toISOString().slice(0, 7);
    element("receipts-file").textContent = `Receipts of ${this.#year}`;
    const month = this.#month;
    try {
      const { totals } = await this.#call("GET", `/v1/merchant/statement?month=${month}`);
      if (month !== this.#month) return; // another one was chosen meanwhile
      element("totals").replaceChildren(
        ...totals.map((total) =>
          h(
            "tr",
            {},
            h("th", { scope: "row" }, total.currency),
            ...COLUMNS.map(([name, sign]) =>
              h(
                "td",
                {
                  class: name === "net_minor" ? "number is-net" : "number",
                  "data-label": element(`head-${name}`).textContent,
                },
                money(total[name] * sign || 0, total.currency),
              ),
            ),
          ),
        ),
      );
      element("totals-empty").hidden = totals.length > 0;
    } catch (problem) {
      this.#say(`The statement could not be loaded. ${problem.message}`);
    }
  }

  async #file(path, query, name) {
    try {
      await this.#download(`/v1/merchant/${path}?${query}`, `${name}.csv`);
    } catch (problem) {
      this.#say(`The file could not be loaded. ${problem.message}`);
    }
  }

  async #timeZone() {
    const known = await this.#call("GET", "/v1/merchant").catch((problem) => this.#say(problem.message));
    if (!known) return;
    ask({
      title: "Time zone",
      text: "An IANA name such as Europe/Vienna. Statements and receipts use it for their months and years.",
      confirm: "Save",
      fields: [field("time_zone", "Time zone", { required: true, maxlength: 80, value: known.time_zone })],
      act: async (form) => {
        const { time_zone } = await this.#call("PUT", "/v1/merchant/time-zone", {
          time_zone: form.time_zone.value.trim(),
        });
        useZone(time_zone);
        element("zone").textContent = time_zone;
        this.#say(`The time zone is now ${time_zone}.`);
        this.load();
      },
    });
  }

  async #details() {
    const known = await this.#call("GET", "/v1/merchant/details").catch((problem) => this.#say(problem.message));
    if (!known) return;
    ask({
      title: "Legal details",
      text: "They appear on receipts for payments made from now on.",
      confirm: "Save",
      fields: DETAILS.map(([name, label, attributes]) => field(name, label, { ...attributes, value: known[name] })),
      act: async (form) => {
        await this.#call(
          "PUT",
          "/v1/merchant/details",
          Object.fromEntries(DETAILS.map(([name]) => [name, form[name].value.trim()])),
        );
        this.#say("Saved.");
      },
    });
  }
}
