// The buttons of a ticket, and a screen that stays on while it is shown. The code itself is part of the page.
import { sure } from "./buystream/confirm.js";
import { asBuyer } from "./buystream/session.js";

const SURE = {
  "pass-on": [
    "Pass this ticket on? Its code ends at once. You get a link; the first person who accepts it has the ticket.",
    "Pass it on",
  ],
  "take-back": ["Keep this ticket? The link ends.", "Keep it"],
};

async function send(ticket, act, body) {
  const says = ticket.querySelector(".ticket-says");
  says.textContent = "One moment …";
  try {
    await asBuyer("POST", `/v1/tickets/${ticket.dataset.ticket}/${act}`, { body });
    location.reload(); // the page is drawn by the shop: with the new code, or with the link
  } catch (problem) {
    says.textContent = problem.message;
  }
}

for (const ticket of document.querySelectorAll("[data-ticket]")) {
  for (const button of ticket.querySelectorAll("button[data-act]")) {
    const { act } = button.dataset;
    button.hidden = false;
    button.addEventListener("click", async () => {
      const body = act === "pass-on" ? { issue: Number(ticket.dataset.issue) } : undefined;
      if (await sure(...SURE[act])) send(ticket, act, body);
    });
  }
  const form = ticket.querySelector("form");
  if (!form) continue;
  form.hidden = false;
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    send(ticket, form.dataset.act, { name: form.elements.name.value.trim() });
  });
}

/** A phone that goes dark in the queue holds everyone up. */
async function stayOn() {
  if (document.visibilityState === "visible") await navigator.wakeLock?.request("screen").catch(() => {});
}

document.addEventListener("visibilitychange", stayOn);
stayOn();
