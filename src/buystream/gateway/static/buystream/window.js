// Confirming in a window of the shop's own, for browsers that can't report whether a frame's button was seen. The frame
// passes its session to the window, which keeps it in memory only.
import { sessionToken } from "./session.js";

const FEATURES = "popup,width=440,height=680";

export async function confirmInWindow(orderId) {
  const opened = window.open("/confirm", "buystream-confirm", FEATURES);
  if (!opened) return;
  const token = await sessionToken();
  const onMessage = ({ source, origin, data }) => {
    if (source !== opened || origin !== location.origin || data?.buystream !== "confirm") return;
    opened.postMessage({ buystream: "order", orderId, token }, location.origin);
    removeEventListener("message", onMessage);
  };
  addEventListener("message", onMessage);
}
