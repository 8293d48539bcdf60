// Mails to the merchant's buyers: how many went out, and those that didn't simply arrive.
import { day } from "./moments.js";
import { PolledPanel } from "./polled-panel.js";
import { h } from "../buystream/dom.js";

const STATES = {
  waiting: "waits to be tried again",
  taken: "is being sent",
  sending: "is being sent",
  sent: "was sent again, and may have arrived twice",
  left_out: "wasn’t needed any more",
  suppressed: "wasn’t sent: the address doesn’t exist",
  refused: "was rejected",
  given_up: "couldn’t be delivered in three days",
  unsendable: "wasn’t sent: the address can’t be one",
};

export class Mails extends PolledPanel {
  constructor(desk) {
    super(desk, { id: "mails", path: "/v1/merchant/mails", everyMs: 15_000, name: "mails", show });
  }
}

function show({ states, trouble }) {
  const { sent = 0 } = states;
  document.getElementById("mails-sent").textContent = `${sent.toLocaleString()} sent in the last 90 days.`;
  return { rows: trouble.map(row), hidden: !sent && trouble.length === 0 };
}

function row({ kind, about, state, error, changed_at_ms: changed }) {
  return h(
    "li",
    {},
    h("code", { title: about }, about.slice(-8)),
    ` ${day(changed)}: “${kind.replaceAll("_", " ")}” ${STATES[state]}.`,
    error && h("small", { class: "muted" }, ` ${error}`),
  );
}
