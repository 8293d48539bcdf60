// Tickets that somebody passed on to this buyer: those of the buyer's own orders are with the orders.
import { h } from "../buystream/dom.js";

/** Fills the section, which is hidden when there are none. */
export function drawTickets(section, tickets) {
  section.hidden = tickets.length === 0;
  section.querySelector("ul").replaceChildren(
    ...tickets.map(({ ticket_id: id, title, merchant_name: merchant, when, event, state_words: state }) =>
      h(
        "li",
        { class: "order" },
        h("strong", {}, title),
        h("span", { class: "detail" }, merchant, h("br"), `${when}, ${event.venue}`),
        h("p", { class: "detail" }, state),
        h(
          "div",
          { class: "order-actions" },
          h("a", { class: "button small primary", href: `/tickets/${id}` }, "Ticket"),
        ),
      ),
    ),
  );
}
