// What the sheet's screens are made of.
import { promise } from "./campaign.js";
import { h } from "./dom.js";
import { money } from "./money.js";
import { costWords } from "./words.js";

/** The title of a screen, which names the dialog and is read out. */
export const heading = (text, className = "") =>
  h("h2", { id: "screen-title", tabindex: "-1", class: className }, text);

export const muted = (text) => text && h("p", { class: "muted" }, text);

export const primary = (text, onclick = null) =>
  h("button", { type: "button", class: "primary", part: "pay-button", ...(onclick && { onclick }) }, text);

export const quiet = (text, onclick) => h("button", { type: "button", class: "quiet", onclick }, text);

/** How many of what price, and what that makes; of several lines, each. */
export function summary(order, board) {
  const { quantity, price_minor: price, total_minor: total, currency, lines, shipping, discount } = order;
  if (lines.length > 1 || shipping || discount)
    return h(
      "div",
      { class: "summary-lines" },
      ...lines.map((line) =>
        h(
          "p",
          { class: "summary" },
          h("span", {}, `${line.quantity} × ${line.title || board.title}`),
          h("span", {}, costWords(line.total_minor + line.discount_minor, currency)),
        ),
      ),
      ...discountLines(discount, currency),
      ...shippingLines(shipping, currency),
      h("p", { class: "summary" }, h("span", {}, "Total"), totalOf(total, discount, currency)),
    );
  const what = board.price_minor == null ? "Total" : `${quantity} × ${costWords(price, currency)}`;
  return h("p", { class: "summary" }, h("span", {}, what), h("strong", {}, costWords(total, currency)));
}

const discountLines = (discount, currency) =>
  discount
    ? [
        h(
          "p",
          { class: "summary" },
          h("span", {}, discount.label),
          h("span", {}, `−${money(discount.amount_minor, currency)}`),
        ),
      ]
    : [];

/** What is paid; with a discount, beside what it would have been. */
function totalOf(total, discount, currency) {
  const now = h("strong", {}, costWords(total, currency));
  if (!discount) return now;
  const before = h("s", { class: "before" }, money(total + discount.amount_minor, currency));
  return h("span", {}, h("span", { class: "visually-hidden" }, "instead of "), before, " ", now);
}

const shippingLines = (shipping, currency) =>
  shipping
    ? [
        h(
          "p",
          { class: "summary" },
          h("span", {}, shipping.title),
          h("span", {}, costWords(shipping.amount_minor, currency)),
        ),
      ]
    : [];

/** Whom the saved details name, and where their orders go. */
export const savedLines = ({ name, email, address_lines: lines }) =>
  h(
    "p",
    { class: "delivery" },
    h("span", {}, name),
    h("span", { class: "muted" }, email),
    lines.length > 0 && h("span", { class: "muted" }, lines.join("\n")),
  );

/** When the money of a campaign's gift moves; nothing for anything else. */
export function promised(board) {
  const text = promise(board);
  return text && h("p", { class: "promise" }, text);
}
