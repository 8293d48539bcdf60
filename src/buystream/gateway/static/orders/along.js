// A link that takes the orders to another device, once.
import { asBuyer } from "../buystream/session.js";

const make = document.getElementById("along-make");
const shown = document.getElementById("along-link");

document.getElementById("along").hidden = false;

make.addEventListener("click", async () => {
  make.disabled = true;
  try {
    const { url } = await asBuyer("POST", "/v1/session/link");
    const copied = await navigator.clipboard.writeText(url).then(
      () => "Copied. ",
      () => "",
    );
    shown.textContent = `${copied}Open this on the other device within five minutes:\n${url}`;
  } catch (problem) {
    shown.textContent = problem.message;
  } finally {
    make.disabled = false;
  }
});
