// One payment with saved details, confirmed in a window of the shop's own: for browsers that can't report whether a
// frame's button was seen. The session comes from the frame that opened the window, and stays in this window.
import { request } from "./buystream/api.js";
import { h } from "./buystream/dom.js";
import { money } from "./buystream/money.js";

const place = document.getElementById("confirm");
const status = document.getElementById("confirm-status");

addEventListener("message", ({ source, origin, data }) => {
  if (source !== opener || origin !== location.origin || data?.buystream !== "order") return;
  show(data).catch((problem) => {
    status.textContent = problem.message;
  });
});
status.textContent = "Loading your order…";
opener?.postMessage({ buystream: "confirm" }, location.origin);
if (!opener) status.textContent = "This window confirms an order. Return to the page where you bought.";

async function show({ orderId, token }) {
  const path = `/v1/orders/${encodeURIComponent(orderId)}`;
  const [order, me] = await Promise.all([request("GET", path, { token }), request("GET", "/v1/me", { token })]);
  const total = money(order.total_minor, order.currency);
  const attempt = Number(order.payment?.payment_id.split(".").pop() ?? 0) + 1;
  const pay = h(
    "button",
    {
      type: "button",
      class: "button primary",
      onclick: async () => {
        pay.disabled = true;
        try {
          await request("POST", `${path}/payment`, { body: { one_tap: true, attempt }, token });
          close();
        } catch (problem) {
          pay.disabled = false;
          status.textContent = problem.message;
        }
      },
    },
    `Pay ${total} with ${me.card_label ?? "your saved card"}`,
  );
  status.textContent = "";
  place.replaceChildren(
    h("p", {}, h("strong", {}, order.title), ` · ${order.quantity} × ${money(order.price_minor, order.currency)}`),
    ...(me.delivery
      ? [
          h(
            "p",
            { class: "lines" },
            [me.delivery.name, me.delivery.email, me.delivery.address].filter(Boolean).join("\n"),
          ),
        ]
      : []),
    pay,
    h("button", { type: "button", class: "button", onclick: () => close() }, "Cancel"),
  );
}
