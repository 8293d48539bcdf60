// My orders: the buyer's own, newest first, and the way to be forgotten.
import { asBuyer, endSession } from "./buystream/api.js";
import { h } from "./buystream/dom.js";
import { money } from "./buystream/money.js";

const list = document.getElementById("orders");
const status = document.getElementById("orders-status");
const privacy = document.getElementById("privacy");
const erase = document.getElementById("erase");
const STATES = { held: "Held for you", authorised: "Paying", confirmed: "Paid", shipped: "On its way", delivered: "Delivered", refused: "Refused", expired: "Hold ended", cancelled: "Cancelled", refunded: "Refunded" };

function row(order) {
  const placed = new Date(order.placed_at_ms);
  const when = placed.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
  return h("li", { class: "order" },
    h("strong", {}, order.title), h("span", { class: "total" }, money(order.total_minor, order.currency)),
    h("span", { class: "detail" }, `${order.quantity > 1 ? `${order.quantity} pieces, ` : ""}`, h("time", { datetime: placed.toISOString() }, when),
      order.tracking && ` · ${order.tracking}`, h("br"), "Order ", h("code", {}, order.order_id.slice(-8)),
      order.state === "held" && [" · ", h("a", { href: `/e/${order.edition_id}` }, "Continue")]),
    h("span", { class: `state state-${order.state}` }, STATES[order.state] ?? order.state));
}

async function load() {
  try {
    const [{ orders }, me] = await Promise.all([asBuyer("GET", "/v1/orders"), asBuyer("GET", "/v1/me")]);
    list.replaceChildren(...orders.map(row));
    status.textContent = orders.length ? "" : "Nothing yet. What you buy appears here.";
    status.hidden = orders.length > 0;
    privacy.hidden = !(me.registered || orders.length);
  } catch (problem) {
    status.textContent = `Your orders could not be loaded. ${problem.message}`;
  }
}

erase.addEventListener("click", async () => {
  if (!confirm("Erase your name, e-mail, address and saved card for good? This can't be undone.")) return;
  erase.disabled = true;
  try {
    await asBuyer("DELETE", "/v1/me");
    endSession();
    erase.textContent = "Erased";
  } catch (problem) {
    erase.disabled = false;
    status.hidden = false;
    status.textContent = problem.message;
  }
});

addEventListener("pageshow", load);
