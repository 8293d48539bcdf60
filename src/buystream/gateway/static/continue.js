// A link from another browser, or from a button on another page: it brings that session here, once, if the person
// agrees.
import { continueSession, hasSession } from "./buystream/session.js";

const code = location.hash.slice(1);
const to = new URLSearchParams(location.search).get("to") ?? "";
const go = document.getElementById("continue");
const status = document.getElementById("continue-status");

history.replaceState(null, "", location.pathname); // the code must not stay in the address
document.getElementById("continue-other").hidden = !hasSession();
go.hidden = !code;
status.textContent = code ? "" : "This link is incomplete. Get a new one where you bought.";

go.addEventListener("click", async () => {
  go.disabled = true;
  try {
    await continueSession(code);
    location.replace(/^\/orders(\/|$)/.test(to) ? to : "/orders");
  } catch (problem) {
    status.textContent = problem.message;
  }
});
