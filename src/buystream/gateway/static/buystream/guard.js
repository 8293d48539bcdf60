// Against clickjacking: paying with saved details takes a button that the buyer has seen. On another site's page the
// button stays disabled until the browser reports it fully visible and uncovered for a moment (IntersectionObserver
// v2). Browsers that can't report that confirm in a window of the shop's own, which no page can cover.
const SEEN_MS = 700;

/** Whether this document is inside a page of another origin. */
export function isInsideForeignPage() {
  try {
    return window.top.location.origin !== location.origin;
  } catch {
    return true;
  }
}

export const canVouch = () =>
  "IntersectionObserverEntry" in globalThis && "isVisible" in IntersectionObserverEntry.prototype;

/**
 * The button calls `press()` once it is known to have been seen. Watches for as long as the button is on the page.
 */
export function onceSeen(button, press) {
  let since = null;
  button.disabled = true;
  const wasSeen = () => since !== null && performance.now() - since >= SEEN_MS;
  const observer = new IntersectionObserver(
    (entries) => {
      const { isVisible, intersectionRatio } = entries.at(-1);
      since = isVisible && intersectionRatio >= 0.99 ? (since ?? performance.now()) : null;
      button.disabled = !wasSeen();
      if (since !== null)
        setTimeout(() => {
          button.disabled = !wasSeen();
        }, SEEN_MS + 20);
      if (!button.isConnected) observer.disconnect();
    },
    { threshold: [0, 0.5, 0.99, 1], trackVisibility: true, delay: 100 },
  );
  observer.observe(button);
  button.addEventListener("click", (event) => {
    if (event.isTrusted && wasSeen()) press();
  });
}
