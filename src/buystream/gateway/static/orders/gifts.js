// Gifts that are given again by themselves, and the button that stops each.
import { h } from "../buystream/dom.js";
import { money } from "../buystream/money.js";
import { everyWords } from "../buystream/words.js";

const ENDS = { giver: "Stopped by you", declined: "Stopped: the card was declined three times", closed: "Ended: the project is closed" };

const next = ({ interval_months: months, next_at_ms: at }) => `${everyWords(months)}, next on ${new Date(at).toLocaleDateString(undefined, { dateStyle: "long" })}`;

/** Fills the section; hidden when there are none. */
export function drawGifts(section, gifts, act) {
  section.hidden = gifts.length === 0;
  section.querySelector("ul").replaceChildren(...gifts.map((gift) => h("li", { class: "order" },
    h("strong", {}, gift.title), h("span", { class: "total" }, money(gift.amount_minor, gift.currency)),
    h("span", { class: "detail" }, gift.state === "ended" ? ENDS[gift.reason] ?? "Ended" : next(gift), gift.given > 0 && [h("br"), `${gift.given === 1 ? "One gift" : `${gift.given} gifts`} so far, ${money(gift.given_minor, gift.currency)} in all`]),
    h("div", { class: "order-actions" }, gift.state !== "ended" && h("button", { type: "button", class: "button small", "aria-label": `Stop giving to ${gift.title}`, onclick: ({ currentTarget }) => {
      if (confirm("Stop this gift? Nothing more is charged.")) act(currentTarget, "POST", `/v1/gifts/${gift.gift_id}/end`);
    } }, "Stop")))));
}
