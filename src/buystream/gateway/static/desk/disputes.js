// Disputes, the open ones first, each with the date by which the provider needs a response.
import { day } from "./moments.js";
import { PolledPanel } from "./polled-panel.js";
import { h } from "../buystream/dom.js";
import { money } from "../buystream/money.js";
import { DISPUTES } from "../buystream/order-states.js";

export class Disputes extends PolledPanel {
  constructor(desk) {
    super(desk, { id: "disputes", path: "/v1/merchant/disputes", everyMs: 10_000, name: "disputes", show });
  }
}

function show({ disputes }) {
  const open = disputes.filter(({ state }) => state === "open");
  const over = disputes.filter(({ state }) => state !== "open");
  document.getElementById("disputes-hint").hidden = open.length === 0;
  return { rows: [...open, ...over].map(row), hidden: disputes.length === 0 };
}

function row({
  dispute_id: id,
  order_id: order,
  amount_minor: minor,
  currency,
  reason,
  state,
  opened_at_ms: opened,
  respond_by_ms: until,
}) {
  const { like, desk: word } = DISPUTES[state];
  return h(
    "tr",
    { "data-id": id },
    h(
      "td",
      { "data-label": "Placed" },
      h("time", { datetime: new Date(opened).toISOString() }, day(opened)),
      h("code", { title: order }, order.slice(-8)),
    ),
    h("td", { "data-label": "Edition" }, reason.replaceAll("_", " ")),
    h("td", { "data-label": "Total", class: "number" }, money(minor, currency)),
    h(
      "td",
      { "data-label": "State" },
      h("span", { class: `state state-${like}` }, word),
      state === "open" && until && h("span", { class: "muted" }, `respond by ${day(until)}`),
    ),
  );
}
