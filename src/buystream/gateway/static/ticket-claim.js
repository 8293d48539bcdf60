// The link that passes a ticket on: the first person who accepts has the ticket, in this browser's session.
import { asBuyer } from "./buystream/session.js";

const token = location.hash.slice(1);
const { ticket } = document.querySelector("[data-ticket]").dataset;
const form = document.getElementById("claim");
const status = document.getElementById("claim-status");

history.replaceState(null, "", location.pathname); // the token must not stay in the address
form.hidden = !token;
status.textContent = token ? "" : "This link is incomplete. Ask for the whole link.";

form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = form.querySelector("button");
  button.disabled = true;
  const [name, email] = ["name", "email"].map((field) => form.elements[field].value.trim());
  try {
    await asBuyer("POST", `/v1/tickets/${ticket}/claim`, { body: { token, name, ...(email && { email }) } });
    location.replace(`/tickets/${ticket}`);
  } catch (problem) {
    const isGone = problem.status === 404;
    status.textContent = isGone ? "This ticket was taken back, or someone accepted it." : problem.message;
    button.disabled = false;
  }
});
