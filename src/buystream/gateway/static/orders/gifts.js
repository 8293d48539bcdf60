// Gifts that are given again by themselves, and the button that stops each.
import { h } from "../buystream/dom.js";
import { money } from "../buystream/money.js";
import { everyWords } from "../buystream/words.js";

const ENDS = { giver: "Stopped by you", declined: "Stopped: the card was declined three times", closed: "Ended: the project is closed" };

/** Fills the section; hidden when there are none. */
export function drawGifts(section, gifts, act) {
  section.hidden = gifts.length === 0;
  section.querySelector("ul").replaceChildren(...gifts.map((gift) => h("li", { class: "order" },
    h("strong", {}, gift.title), h("span", { class: "total" }, money(gift.amount_minor, gift.currency)),
    h("span", { class: "detail" }, gift.ended ? ENDS[gift.ended] ?? "Ended" : `${everyWords(gift.interval_months)}, next on ${new Date(gift.next_due_ms).toLocaleDateString(undefined, { dateStyle: "long" })}`),
    h("div", { class: "order-actions" }, !gift.ended && h("button", { type: "button", class: "button small", "aria-label": `Stop giving to ${gift.title}`, onclick: ({ currentTarget }) => {
      if (confirm("Stop this gift? Nothing more is charged.")) act(currentTarget, "POST", `/v1/gifts/${gift.gift_id}/end`);
    } }, "Stop")))));
}
