// The merchant's editions: stock left, campaign progress, and the buttons to pause, resume, add stock or cancel.
import { progressWords } from "../buystream/campaign.js";
import { arrange, h } from "../buystream/dom.js";
import { money, shortMoney } from "../buystream/money.js";
import { SALES } from "../buystream/order-states.js";
import { ask, field } from "./ask.js";
import { manage } from "./drafts.js";
import { tierLines, tiersOf } from "./price-tiers.js";
import { isAsBefore, momentField, momentOf, timeAt } from "./moments.js";
import { changeShipping } from "./shipping.js";

/** A row is drawn again when this changes. */
const keyOf = ({ title, state, event, shipping, opens_at_ms, closes_at_ms, ...edition }) =>
  [
    ...[title, state, edition.can_pause, edition.can_resume, edition.can_add_stock, edition.can_cancel],
    ...[event?.starts_at_ms, event?.venue, opens_at_ms, closes_at_ms, JSON.stringify(shipping)],
    JSON.stringify(edition.variants.map(({ tiers }) => tiers)),
  ].join();

export function drawEditions(editions, desk) {
  const list = document.getElementById("editions");
  const rows = new Map([...list.children].map((row) => [row.dataset.id, row]));
  arrange(
    list,
    editions.map((edition) => {
      const known = rows.get(edition.edition_id);
      const drawn = known?.dataset.key === keyOf(edition) ? known : row(edition, desk);
      const text = [
        price(edition),
        edition.campaign ? progressWords(edition).detail : left(edition),
        edition.event && `${timeAt(edition.event.starts_at_ms, edition.event.time_zone)}, ${edition.event.venue}`,
        edition.reason === "awaits_terms" && "waiting for its terms",
      ]
        .filter(Boolean)
        .join(" · ");
      const facts = drawn.querySelector(".edition-facts");
      if (facts.textContent !== text) facts.textContent = text;
      measure(drawn.querySelector(".edition-progress"), edition, desk.cancellations);
      return drawn;
    }),
  );
}

/** How far a campaign is, or a cancellation. */
function measure(place, edition, cancellations) {
  const { text, share } = edition.cancellation
    ? cancellations.words(edition)
    : edition.campaign
      ? progressWords(edition)
      : {};
  place.hidden = text === undefined;
  if (place.hidden) return;
  const [bar, words] = place.children;
  bar.hidden = share === null;
  bar.value = share ?? 0;
  if (words.textContent !== text) words.textContent = text;
}

function left({ stock, available, sold }) {
  return stock == null
    ? `${sold.toLocaleString()} sold`
    : `${available.toLocaleString()} left of ${stock.toLocaleString()}`;
}

function price({ price_minor: fixed, price_min_minor: min, price_max_minor: max, currency }) {
  return fixed == null ? `${shortMoney(min, currency)} to ${shortMoney(max, currency)}` : money(fixed, currency);
}

function row(edition, desk) {
  const { call, say } = desk;
  const path = `/v1/merchant/editions/${edition.edition_id}`;
  const isPaused = edition.can_resume;
  const verb = isPaused ? "resume" : "pause";
  const turn = async (button) => {
    button.disabled = true;
    try {
      await call("POST", `${path}/${verb}`, {});
      say(`${edition.title} is ${isPaused ? "on sale again" : "paused"}.`);
    } catch (problem) {
      button.disabled = false;
      say(problem.message);
    }
  };
  const addStock = () =>
    ask({
      title: "Add stock",
      text: edition.title,
      confirm: "Add",
      fields: [
        edition.variants.length > 1 &&
          field("variant", "Of which", {
            options: edition.variants.map((one) => [one.variant_id, `${one.title}: ${one.available ?? "unlimited"}`]),
          }),
        field("add", "How many more", { type: "number", min: 1, max: 1_000_000, step: 1, required: true }),
      ].filter(Boolean),
      act: async ({ add, variant }, key) => {
        const more = { add: Number(add.value), variant_id: variant?.value ?? "" };
        await call("POST", `${path}/stock`, more, key);
        say(`${add.value} added to ${edition.title}.`);
      },
    });
  const cancel = () =>
    ask({
      title: `Cancel ${edition.title}?`,
      text: "Nothing more is sold, holds end, and everyone who paid gets a full refund. This can’t be undone.",
      confirm: "Cancel it and refund everyone",
      dismiss: "Keep it",
      danger: true,
      fields: [
        field("reason", "Reason", { maxlength: 200, wide: true, hint: "For your own records" }),
        field("restock", "Count returned units as unsold, not as withdrawn", { type: "checkbox" }),
      ],
      act: async ({ reason, restock }, key) => {
        await call("POST", `${path}/cancel`, { reason: reason.value.trim(), restock: restock.checked }, key);
        say(`${edition.title} is cancelled. Refunds are in progress.`);
      },
    });
  const announce = () =>
    ask({
      title: "Write to all buyers",
      text: `All buyers of ${edition.title} get this by mail, unless they have unsubscribed.`,
      confirm: "Send it",
      fields: [
        field("subject", "Subject", { maxlength: 200, required: true, wide: true }),
        field("text", "Message", { maxlength: 5000, required: true, rows: 8, wide: true }),
      ],
      act: async ({ subject, text }, key) => {
        const words = { subject: subject.value.trim(), text: text.value.trim() };
        await call("POST", `${path}/announcements`, words, key);
        say(`“${words.subject}” is on its way to the buyers of ${edition.title}.`);
      },
    });
  const setPrices = () =>
    ask({
      title: "Prices for a while",
      text: `${edition.title}. The first line that applies counts; what is held or paid keeps its price.`,
      confirm: "Set prices",
      fields: [
        edition.variants.length > 1 &&
          field("variant", "Of which", { options: edition.variants.map((one) => [one.variant_id, one.title]) }),
        field("tiers", "Prices, one a line", {
          rows: 4,
          maxlength: 1000,
          wide: true,
          placeholder: "20.00 first 100\n25.00 until 2026-12-01T18:00",
          value: edition.variants.length > 1 ? "" : tierLines(edition.variants[0].tiers, edition.currency),
          hint: "Empty: the full price",
        }),
      ].filter(Boolean),
      act: async ({ tiers, variant }) => {
        const wish = { variant_id: variant?.value ?? "", tiers: await tiersOf(tiers.value, edition.currency, call) };
        await call("PUT", `${path}/price-tiers`, wish);
        say(`The prices of ${edition.title} are set.`);
      },
    });
  const move = () => {
    const { starts_at_ms: starts, doors_at_ms: doors, ends_at_ms: ends, time_zone: zone, venue } = edition.event;
    ask({
      title: "Move the event",
      text:
        `${edition.title} is at ${timeAt(starts, zone)}, ${venue}. ` +
        "Tickets that were sold stay valid, and buyers get a mail.",
      confirm: "Move it",
      dismiss: "Leave it",
      fields: [
        momentField("starts", "New start", { call, zone, atMs: starts }),
        momentField("doors", "New doors", { call, zone, atMs: doors, hint: "Left as it is, it moves with the start" }),
        momentField("ends", "New end", { call, zone, atMs: ends, hint: "Left as it is, it moves with the start" }),
        field("venue", "Venue", { maxlength: 120, required: true, value: venue }),
        field("address", "Address", { maxlength: 300, rows: 3, value: edition.event.address }),
      ],
      act: async (form) => {
        const wish = {
          starts_at_ms: (await momentOf(form.starts)) ?? starts,
          doors_at_ms: isAsBefore(form.doors) ? null : await momentOf(form.doors),
          ends_at_ms: isAsBefore(form.ends) ? null : await momentOf(form.ends),
          venue: form.venue.value.trim(),
          address: form.address.value.trim(),
        };
        await call("PUT", `${path}/event`, wish);
        say(`${edition.title} has moved.`);
      },
    });
  };
  return h(
    "li",
    { "data-id": edition.edition_id, "data-state": edition.state, "data-key": keyOf(edition) },
    h(
      "div",
      { class: "edition-name" },
      h("a", { href: `/e/${edition.edition_id}` }, edition.title),
      h("span", { class: "muted edition-facts" }),
      h(
        "span",
        { class: "edition-progress", hidden: true },
        h("progress", { max: 1, value: 0, "aria-label": `Progress of ${edition.title}` }),
        h("span", {}),
      ),
    ),
    h("span", { class: `state sale-${edition.state}` }, SALES[edition.state].desk),
    h(
      "div",
      { class: "edition-actions" },
      edition.can_add_stock &&
        h(
          "button",
          { type: "button", class: "button small", "aria-label": `Add stock to ${edition.title}`, onclick: addStock },
          "Add stock",
        ),
      h(
        "button",
        {
          type: "button",
          class: "button small",
          "aria-label": `Write to the buyers of ${edition.title}`,
          onclick: announce,
        },
        "Write to buyers",
      ),
      ...manage(edition, desk),
      edition.can_set_prices &&
        h(
          "button",
          { type: "button", class: "button small", "aria-label": `Prices of ${edition.title}`, onclick: setPrices },
          "Prices",
        ),
      edition.can_move_event &&
        h(
          "button",
          { type: "button", class: "button small", "aria-label": `Move ${edition.title}`, onclick: move },
          "Move event",
        ),
      edition.can_change_shipping &&
        h(
          "button",
          {
            type: "button",
            class: "button small",
            "aria-label": `Change what delivery of ${edition.title} costs`,
            onclick: () => changeShipping(edition, { call, say }),
          },
          "Delivery",
        ),
      (edition.can_pause || edition.can_resume) &&
        h(
          "button",
          {
            type: "button",
            class: "button small",
            "aria-label": `${isPaused ? "Resume" : "Pause"} ${edition.title}`,
            onclick: (event) => turn(event.currentTarget),
          },
          isPaused ? "Resume" : "Pause",
        ),
      edition.can_cancel &&
        h(
          "button",
          {
            type: "button",
            class: "button small danger",
            "aria-label": `Cancel edition ${edition.title}`,
            onclick: cancel,
          },
          "Cancel edition",
        ),
    ),
  );
}
