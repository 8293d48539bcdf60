// Where buyers came from: a chart, the table behind it, and links that say where they are.
import { serverNow } from "../buystream/clock.js";
import { h } from "../buystream/dom.js";
import { money } from "../buystream/money.js";
import { ask, field } from "./ask.js";
import { clearSources, drawSources } from "./charts.js";
import { offerEditions } from "./edition-choice.js";

const COUNTS = ["impressions", "clicks", "held", "paid", "refused"];
const CHANGED_MS = 5_000; // between two looks, while something happens
const IDLE_MS = 30_000; // a report of who saw a button changes nothing else on the desk
const PAST_MS = 400;
const DAY_MS = 86_400_000;
const MEANT = {
  link: ["A link", (link) => link.href],
  button: [
    "A button for a web page",
    ({ origin }, edition, named) => {
      const attributes = Object.entries({ edition, ...named }).map(([name, value]) => ` ${name}="${value}"`);
      return `<script src="${origin}/button.js"></script>\n<buy-button${attributes.join("")}></buy-button>`;
    },
  ],
  poster: ["A poster with a QR code", ({ origin, pathname, search }) => `${origin}${pathname}/poster.pdf${search}`],
};
const NAME = "[A-Za-z0-9][A-Za-z0-9 ._\\-]*";
const element = (id) => document.getElementById(id);
const percent = (share) => `${(share * 100).toFixed(1)}%`;

/** A source in words; for a placement with its campaign and its post. */
const words = ({ source, campaign, post, app }) =>
  [source === "other" ? "Others" : source, campaign, post, app && `in ${app}`].filter(Boolean).join(" · ") ||
  "Not known";

export class Sources {
  #call;
  #download;
  #say;
  #editions = [];
  #asOf = null;
  #seen = "";
  #loadedAt = -Infinity;

  /** call(method, path): as JSON. download(path, name): as a file. */
  constructor({ call, download, say }) {
    this.#call = call;
    this.#download = download;
    this.#say = say;
    for (const id of ["sources-edition", "sources-period", "sources-by"])
      element(id).addEventListener("change", () => this.#load());
    element("sources-link").addEventListener("click", () => this.#makeLink());
    element("sources-file").addEventListener("click", () => this.#file());
  }

  /** Before another merchant signs in. */
  clear() {
    this.#seen = "";
    this.#loadedAt = -Infinity;
    element("sources").replaceChildren();
    clearSources();
  }

  /** `asOf`: the past moment that the desk shows, in milliseconds, or null for now. */
  refresh({ editions, totals }, asOf) {
    this.#editions = editions;
    offerEditions(element("sources-edition"), [{ edition_id: "", title: "All editions" }, ...editions]);
    const key = JSON.stringify([totals.clicks, totals.confirmed, totals.revenue_minor, asOf]);
    const isSame = key === this.#seen;
    const least = asOf === null ? (isSame ? IDLE_MS : CHANGED_MS) : isSame ? Infinity : PAST_MS;
    this.#asOf = asOf;
    if (document.hidden || performance.now() - this.#loadedAt < least) return;
    this.#seen = key;
    this.#load();
  }

  get #query() {
    const days = Number(element("sources-period").value);
    const until = this.#asOf ?? serverNow();
    const iso = (at) => new Date(at).toISOString();
    return new URLSearchParams({
      by: element("sources-by").value,
      ...(element("sources-edition").value && { edition: element("sources-edition").value }),
      ...(days && { from: iso(until - days * DAY_MS), to: iso(until) }),
      ...(this.#asOf !== null && { as_of: iso(this.#asOf) }),
    });
  }

  async #load() {
    this.#loadedAt = performance.now();
    const query = String(this.#query);
    try {
      const { sources } = await this.#call("GET", `/v1/merchant/sources?${query}`);
      element("sources").replaceChildren(...sources.map(row));
      element("sources-empty").hidden = sources.length > 0;
      drawSources(sources.map((one) => ({ ...one, name: words(one) })));
    } catch (problem) {
      this.#say(`The sources could not be loaded. ${problem.message}`);
    }
  }

  async #file() {
    try {
      await this.#download(`/v1/merchant/sources.csv?${this.#query}`, "sources.csv");
    } catch (problem) {
      this.#say(`The file could not be loaded. ${problem.message}`);
    }
  }

  /** A link, button or poster whose buyers are recognised. */
  #makeLink() {
    const edition = element("sources-edition").value || this.#editions[0]?.edition_id;
    const named = { pattern: NAME, maxlength: 40, autocomplete: "off", spellcheck: "false" };
    const made = field("made", "Put this there", { rows: 3, readonly: true, wide: true });
    const fields = [
      field("edition", "For", { options: this.#editions.map((one) => [one.edition_id, one.title]) }),
      field("what", "What", { options: Object.entries(MEANT).map(([name, [label]]) => [name, label]) }),
      field("source", "Where it will be", { ...named, required: true, hint: "poster, newsletter, instagram, …" }),
      field("campaign", "Campaign", { ...named, hint: "Optional" }),
      made,
    ];
    const output = made.querySelector("textarea");
    ask({
      title: "A link that says where it is",
      text: "Buyers who come by it count for that place. Don’t name people.",
      confirm: "Copy",
      dismiss: "Close",
      fields,
      act: async () => {
        await navigator.clipboard.writeText(output.value);
        this.#say("Copied.");
      },
    });
    const form = output.form.elements;
    if (edition) form.edition.value = edition;
    const write = () => (output.value = madeOf(form));
    output.form.addEventListener("input", write);
    write();
  }
}

function madeOf({ edition, what, source, campaign }) {
  const plain = ({ value }) => value.trim().toLowerCase().replaceAll(/\s+/g, "-");
  const names = { source: plain(source), campaign: plain(campaign) };
  const named = Object.fromEntries(Object.entries(names).filter(([, value]) => value));
  const link = new URL(`/e/${edition.value}`, location.origin);
  for (const [name, value] of Object.entries(named)) link.searchParams.set(name[0], value);
  return MEANT[what.value][1](link, edition.value, named);
}

function row(one) {
  const cell = (name, text) =>
    h("td", { class: "number", "data-label": element(`head-sources-${name}`).textContent }, text);
  return h(
    "tr",
    {},
    h("th", { scope: "row" }, words(one)),
    ...COUNTS.map((name) => cell(name, one[name].toLocaleString())),
    cell("conversion", one.clicks ? percent(one.conversion) : "–"),
    cell("revenue", money(one.revenue_minor, one.currency)),
  );
}
