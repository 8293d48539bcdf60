// Asks for a mail with a link to one's orders.
import { request } from "./buystream/api.js";

const form = document.getElementById("find");
const status = document.getElementById("find-status");

form.hidden = false;
form.addEventListener("submit", async (event) => {
  event.preventDefault();
  const button = form.querySelector("button");
  button.disabled = true;
  try {
    const answer = await request("POST", "/v1/orders/find", { body: { email: form.email.value.trim() } });
    status.textContent = answer.detail;
  } catch (problem) {
    status.textContent = problem.message;
  } finally {
    button.disabled = false;
  }
});
