// The sandbox bank's authentication page: reports the card holder's answer to the sandbox.
import { request } from "./buystream/api.js";

const bank = document.getElementById("bank");
const status = document.getElementById("bank-status");
const buttons = [...bank.querySelectorAll("[data-outcome]")];

status.textContent = "";
for (const button of buttons) {
  button.hidden = false;
  button.addEventListener("click", async () => {
    for (const each of buttons) each.disabled = true;
    try {
      await request("POST", `/v1/orders/${bank.dataset.orderId}/authentication`, {
        body: { outcome: button.dataset.outcome },
      });
      for (const each of buttons) each.hidden = true;
      status.textContent =
        button.dataset.outcome === "approved"
          ? "Approved. You can close this page and go back to the shop."
          : "Rejected. You can close this page; nothing was charged.";
      setTimeout(() => window.close(), 1200);
    } catch (problem) {
      for (const each of buttons) each.disabled = false;
      status.textContent = problem.message;
    }
  });
}
