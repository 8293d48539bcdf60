// What a buyer's saved details are enough for.
import { canVouch } from "./guard.js";

const needsAnother = (me, board) => board.needs_address && !me.delivery?.address;

/** One tap pays: there is a card, and an address if this is sent by post. */
export const areEnough = (me, board) => me.registered && !needsAnother(me, board);

/** The saved card pays as soon as the buyer says where this goes. On another site's page the browser has to vouch. */
export const lackOnlyTheAddress = (me, board, isFramed) =>
  me.registered && Boolean(me.delivery) && needsAnother(me, board) && (!isFramed || canVouch());
