// The merchant's drafts, and the archive: written, shown by a link, released once or for several dates, discarded.
import { h } from "../buystream/dom.js";
import { ask } from "./ask.js";
import { askRelease } from "./release.js";
import { day, momentField, momentOf, timeAt } from "./moments.js";

const DATES_SHOWN = 6;
const element = (id) => document.getElementById(id);

export class Drafts {
  #call;
  #say;
  #editor;

  constructor({ call, say, editor }) {
    this.#call = call;
    this.#say = say;
    this.#editor = editor;
    element("archive-open").addEventListener("click", () => this.#showArchive());
  }

  async load() {
    try {
      this.#draw(await this.#call("GET", "/v1/merchant/drafts"));
    } catch {
      // It is loaded again with the next change.
    }
  }

  clear() {
    element("drafts").replaceChildren();
    element("archive").hidden = true;
  }

  #draw({ drafts }) {
    element("drafts-empty").hidden = drafts.length > 0;
    element("drafts").replaceChildren(...drafts.map((draft) => this.#row(draft)));
  }

  #row(draft) {
    const { offer } = draft;
    const path = `/v1/merchant/drafts/${draft.edition_id}`;
    const facts = [
      `saved ${day(draft.saved_at_ms)}`,
      offer.event && `${timeAt(offer.event.starts_at_ms, offer.event.time_zone)}, ${offer.event.venue}`,
    ];
    const button = (text, act, kind = "") =>
      h(
        "button",
        { type: "button", class: `button small ${kind}`, "aria-label": `${text}: ${offer.title}`, onclick: act },
        text,
      );
    return h(
      "li",
      { "data-draft": draft.edition_id },
      h(
        "div",
        { class: "edition-name" },
        h("strong", {}, offer.title),
        " ",
        h("span", {}, facts.filter(Boolean).join(" · ")),
      ),
      h(
        "div",
        { class: "edition-actions" },
        button("Write the page", () =>
          this.#editor.open({
            path: `${path}/page`,
            said: { title: offer.title, story: offer.page.story, pictures: draft.pictures, notes: offer.page.notes },
            onSaved: () => this.load(),
          }),
        ),
        h("a", { class: "button small", href: draft.preview_url, target: "_blank", rel: "noopener" }, "Preview"),
        button("Terms", () =>
          askRelease({ call: this.#call, say: this.#say, drafts: this, currency: offer.currency, draft }),
        ),
        button("Schedule", () => this.#schedule(draft, path)),
        button("Release", () => this.#release(draft, path), "primary"),
        button("Discard", () => this.#discard(draft, path), "danger"),
      ),
    );
  }

  #schedule({ offer }, path) {
    const { opens_at_ms: opensAt, closes_at_ms: closesAt } = offer.window;
    ask({
      title: "When its sale opens and closes",
      text: offer.title,
      confirm: "Save",
      fields: [
        momentField("opens", "Opens", { hint: "Empty: at its release", call: this.#call, atMs: opensAt }),
        momentField("closes", "Closes", { hint: "Empty: it stays open", call: this.#call, atMs: closesAt }),
      ],
      act: async ({ opens, closes }) => {
        await this.#call("PUT", `${path}/schedule`, {
          opens_at_ms: await momentOf(opens),
          closes_at_ms: await momentOf(closes),
        });
        await this.load();
      },
    });
  }

  #release({ offer }, path) {
    const dates = offer.event
      ? Array.from({ length: DATES_SHOWN }, (_, number) =>
          momentField(`date${number}`, number ? `Another date, ${number}` : "It starts", {
            call: this.#call,
            zone: offer.event.time_zone,
            atMs: number ? null : offer.event.starts_at_ms,
          }),
        )
      : [];
    ask({
      title: `Release ${offer.title}?`,
      text: offer.event
        ? "Each date becomes an edition of its own with the same terms, and their pages lead to each other."
        : "It goes on sale as the preview shows it.",
      confirm: "Release",
      dismiss: "Not yet",
      fields: dates,
      act: async (form) => {
        const starts = [];
        for (let number = 0; number < dates.length; number += 1) {
          const atMs = await momentOf(form[`date${number}`]);
          if (atMs !== null) starts.push({ starts_at_ms: atMs });
        }
        const { editions } = await this.#call("POST", `${path}/release`, { dates: starts });
        this.#say(editions.length > 1 ? `${editions.length} dates are released.` : `${offer.title} is released.`);
        await this.load();
      },
    });
  }

  #discard({ offer }, path) {
    ask({
      title: `Discard ${offer.title}?`,
      text: "The draft and its link are gone for good.",
      confirm: "Discard it",
      dismiss: "Keep it",
      danger: true,
      act: async () => {
        this.#draw(await this.#call("DELETE", path));
        this.#say(`${offer.title} is discarded.`);
      },
    });
  }

  async #showArchive() {
    const list = element("archive");
    if (!list.hidden) {
      list.hidden = true;
      return;
    }
    try {
      const { editions } = await this.#call("GET", "/v1/merchant/editions?archived=true");
      list.replaceChildren(...editions.map((one) => this.#archivedRow(one)));
      if (!editions.length) list.replaceChildren(h("li", { class: "muted" }, "Nothing is archived."));
      list.hidden = false;
    } catch (problem) {
      this.#say(problem.message);
    }
  }

  #archivedRow({ edition_id: id, title }) {
    const row = h(
      "li",
      {},
      h("span", { class: "edition-name" }, title),
      h(
        "button",
        {
          type: "button",
          class: "button small",
          "aria-label": `Take ${title} out of the archive`,
          onclick: async () => {
            try {
              await this.#call("DELETE", `/v1/merchant/editions/${id}/archive`);
              row.remove();
              this.#say(`${title} is in the lists again.`);
            } catch (problem) {
              this.#say(problem.message);
            }
          },
        },
        "Take it out",
      ),
    );
    return row;
  }
}

/** What else the merchant does with an edition: its page, its dates, its end, the archive, a copy. */
export function manage(edition, { call, say, editor, drafts }) {
  const path = `/v1/merchant/editions/${edition.edition_id}`;
  const write = async () => {
    try {
      const said = await call("GET", `${path}/page`);
      editor.open({ path: `${path}/page`, said, onSaved: () => {} });
    } catch (problem) {
      say(problem.message);
    }
  };
  const schedule = () =>
    ask({
      title: "When the sale opens and closes",
      text: edition.title,
      confirm: "Save",
      fields: [
        momentField("opens", "Opens", { hint: "Empty: it is open", call, atMs: edition.opens_at_ms }),
        momentField("closes", "Closes", { hint: "Empty: it stays open", call, atMs: edition.closes_at_ms }),
      ],
      act: async ({ opens, closes }) => {
        const window = { opens_at_ms: await momentOf(opens), closes_at_ms: await momentOf(closes) };
        await call("PUT", `${path}/schedule`, window);
        say(`${edition.title} is scheduled.`);
      },
    });
  const end = () =>
    ask({
      title: `End the sale of ${edition.title}?`,
      text: "It closes now. Buyers who hold an order can still pay, and nothing is refunded.",
      confirm: "End the sale",
      dismiss: "Leave it open",
      danger: true,
      act: async () => {
        await call("POST", `${path}/end`, {});
        say(`The sale of ${edition.title} is over.`);
      },
    });
  const archive = async () => {
    try {
      await call("POST", `${path}/archive`, {});
      say(`${edition.title} is archived. Its buyers keep its page.`);
    } catch (problem) {
      say(problem.message);
    }
  };
  const copy = async () => {
    try {
      await call("POST", `${path}/copy`, {});
      await drafts.load();
      say(`A copy of ${edition.title} is among your drafts.`);
    } catch (problem) {
      say(problem.message);
    }
  };
  return [
    ["Edit page", `Edit the page of ${edition.title}`, write],
    edition.can_schedule && ["Schedule", `Schedule ${edition.title}`, schedule],
    edition.can_end && ["End sale", `End the sale of ${edition.title}`, end],
    edition.can_archive && ["Archive", `Archive ${edition.title}`, archive],
    ["Copy", `Copy ${edition.title}`, copy],
  ]
    .filter(Boolean)
    .map(([text, label, act]) =>
      h("button", { type: "button", class: "button small", "aria-label": label, onclick: act }, text),
    );
}
