// Recurring gifts, each with a button that stops it.
import { sure } from "../buystream/confirm.js";
import { h } from "../buystream/dom.js";
import { money } from "../buystream/money.js";
import { GIFT_ENDINGS } from "../buystream/order-states.js";
import { everyWords } from "../buystream/words.js";

const next = ({ interval_months: months, next_at_ms: at }) =>
  `${everyWords(months)}, next on ${new Date(at).toLocaleDateString(undefined, { dateStyle: "long" })}`;

const given = ({ given: number, given_minor: total, currency }) =>
  `${number === 1 ? "One gift" : `${number} gifts`} so far, ${money(total, currency)} in all`;

const skipped = ({ skipped: number }) =>
  `${number === 1 ? "One gift was" : `${number} gifts were`} skipped because the shop was down; you weren’t charged`;

/** Fills the section, which is hidden when there are none. */
export function drawGifts(section, gifts, act) {
  section.hidden = gifts.length === 0;
  section.querySelector("ul").replaceChildren(
    ...gifts.map((gift) =>
      h(
        "li",
        { class: "order" },
        h("strong", {}, gift.title),
        h("span", { class: "total" }, money(gift.amount_minor, gift.currency)),
        h(
          "span",
          { class: "detail" },
          gift.can_end ? next(gift) : (GIFT_ENDINGS[gift.reason] ?? "Ended"),
          gift.given > 0 && [h("br"), given(gift)],
          gift.skipped > 0 && [h("br"), skipped(gift)],
        ),
        h(
          "div",
          { class: "order-actions" },
          gift.can_end &&
            h(
              "button",
              {
                type: "button",
                class: "button small",
                "aria-label": `Stop giving to ${gift.title}`,
                onclick: async ({ currentTarget }) => {
                  if (await sure("Stop this gift? You won’t be charged again.", "Stop"))
                    act(currentTarget, "POST", `/v1/gifts/${gift.gift_id}/end`);
                },
              },
              "Stop",
            ),
        ),
      ),
    ),
  );
}
