// Where a tap came from, in the words of the link or the button. The shop keeps what is plain of it.
const NAMES = ["source", "campaign", "post"];
const UTM = { source: "utm_source", campaign: "utm_campaign", post: "utm_content" };
const EMBEDDED = "embed"; // the source of a button on another site's page that says nothing

const keepsNothing = () => navigator.globalPrivacyControl === true || navigator.doNotTrack === "1";

/** Only the names that say something; null without any. */
export function namesOf(given) {
  const kept = NAMES.map((name) => [name, String(given?.[name] ?? "")]).filter(([, value]) => value);
  return kept.length ? Object.fromEntries(kept) : null;
}

/**
 * {source, campaign, post} of a button: its attributes; without a source among them, on a page that isn't the shop's,
 * that page's own utm parameters. Null where the visitor's browser asks for nothing to be kept.
 */
export function placementOf(button, { isOurPage }) {
  if (keepsNothing()) return null;
  const attributes = namesOf(Object.fromEntries(NAMES.map((name) => [name, button.getAttribute(name)])));
  if (isOurPage || attributes?.source) return attributes;
  const query = new URLSearchParams(location.search);
  const linked = namesOf(Object.fromEntries(NAMES.map((name) => [name, query.get(UTM[name])])));
  return linked?.source ? linked : { source: EMBEDDED, ...attributes };
}
