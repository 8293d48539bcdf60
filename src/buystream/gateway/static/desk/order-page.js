// An order's page: what happened to it, from the log, notes about it, and its confirmation sent again.
import { h } from "../buystream/dom.js";
import { ask, field } from "./ask.js";
import { fullTime } from "./moments.js";

/** `changed()` runs after something was sent. */
export async function showOrder(order, { call, say, changed }) {
  const path = `/v1/merchant/orders/${order.order_id}`;
  let story;
  try {
    story = await call("GET", `${path}/story`);
  } catch (problem) {
    say(problem.message);
    return;
  }
  const list = h("ol", { class: "story", "aria-label": "What happened", tabindex: 0 }, story.events.map(entry));
  const again = async ({ currentTarget: button }) => {
    button.disabled = true;
    try {
      await call("POST", `${path}/resend`, undefined, `resend-${order.order_id}-${order.version}`);
      say("The confirmation is on its way again.");
      changed();
    } catch (problem) {
      say(problem.message);
      button.disabled = false;
    }
  };
  ask({
    title: `Order ${order.order_id.slice(-8)}`,
    text: [order.title, order.buyer && `${order.buyer.name}, ${order.buyer.email}`].filter(Boolean).join("\n"),
    confirm: "Save the note",
    dismiss: "Close",
    fields: [
      h("div", { class: "ask-field is-wide" }, list),
      order.can_resend &&
        h("div", { class: "ask-field is-wide" },
          h("button", { type: "button", class: "button small", onclick: again }, "Send the confirmation again")),
      !order.is_erased &&
        field("note", "Note, for your people only", { rows: 3, maxlength: 2000, required: true, wide: true }),
    ].filter(Boolean),
    act: async ({ note }, key) => {
      if (!note) return;
      await call("POST", `${path}/notes`, { text: note.value.trim() }, key);
      say("Noted.");
    },
  });
}

function entry({ at_ms: atMs, who, sentence, text }) {
  return h(
    "li",
    {},
    h("span", {}, sentence),
    text && h("q", {}, text),
    h("span", { class: "muted" },
      h("time", { datetime: new Date(atMs).toISOString() }, fullTime(atMs)), ` · ${who}`),
  );
}
