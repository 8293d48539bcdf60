// Pages of the shop itself, opened from a frame of the shop's on another page: there the session goes along through a
// single-use link, because a browser keeps what a frame stores apart.
import { asBuyer } from "./session.js";

/** Opens the page of one's orders at that path, once the person there agrees. Throws a problem for people. */
export async function openAtTheShop(path) {
  const tab = window.open("about:blank", "_blank"); // before the answer, or the browser takes it for an unasked window
  try {
    const { url } = await asBuyer("POST", "/v1/session/link");
    const address = new URL(url);
    address.search = new URLSearchParams({ to: path });
    if (tab) tab.location = address.href;
  } catch (problem) {
    tab?.close();
    throw problem;
  }
}
