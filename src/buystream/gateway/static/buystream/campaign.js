// A campaign in words: how far it is, and when a gift's money moves. `board.campaign` is null for anything else.
import { serverNow } from "./clock.js";
import { shortMoney } from "./money.js";

const DAY_MS = 86_400_000;

/** 24 December 2026 at 18:00, in the reader's own way. */
export const moment = (ms) => new Date(ms).toLocaleString(undefined, { dateStyle: "long", timeStyle: "short" });

/**
 * {text, detail, share}: the amount raised and the target, the number of givers and the time left, and the share of the
 * target, from 0 to 1.
 */
export function progressWords({ campaign, currency }) {
  const { raised_minor: raised, target_minor: target, givers, ends_at_ms: ends, outcome } = campaign;
  const people = givers === 1 ? "1 giver" : `${givers.toLocaleString()} givers`;
  return {
    text: `${shortMoney(raised, currency)} of ${shortMoney(target, currency)}`,
    detail: [givers ? people : "Be the first", outcome ? ENDED[outcome] : ends && timeLeft(ends - serverNow())]
      .filter(Boolean)
      .join(" · "),
    share: Math.min(1, raised / target),
  };
}

const ENDED = { reached: "target reached", missed: "target missed" };

function timeLeft(ms) {
  if (ms <= 0) return "ending now";
  if (ms < 2 * DAY_MS) return ms < DAY_MS ? "last day" : "1 day left";
  return `${Math.floor(ms / DAY_MS)} days left`;
}

/** When the money moves, in plain words; "" when that is now, as with anything else. */
export function promise({ campaign, currency }) {
  if (!campaign || campaign.charged === "now") return "";
  const target = shortMoney(campaign.target_minor, currency);
  const end = moment(campaign.ends_at_ms);
  const otherwise =
    campaign.if_missed === "choose"
      ? " If the target is missed, nobody pays, and you can choose another project."
      : " If the target is missed, nobody pays.";
  if (campaign.charged === "when_reached") {
    const until = "Until then your bank only reserves your gift.";
    return `Nothing is charged unless ${target} is reached by ${end}. ${until}${otherwise}`;
  }
  if (campaign.reached) return `The target of ${target} is reached. We save your card today and charge it on ${end}.`;
  const today = "Nothing is charged today: we save your card";
  return `${today} and charge it on ${end}, if ${target} is reached by then.${otherwise}`;
}

/** What the button and its order are called while the money waits. */
export const isPledge = ({ campaign }) => Boolean(campaign) && campaign.charged !== "now";
