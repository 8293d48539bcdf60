// An order id is generated here, before anything is sent: the edition's id and 20 random characters (100 bits) of
// lower-case Crockford base32. It is the idempotency key: the same id is the same order.

const ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz";

/** 20 characters, 100 random bits. */
export function randomText() {
  const bytes = crypto.getRandomValues(new Uint8Array(20));
  return Array.from(bytes, (byte) => ALPHABET[byte & 31]).join("");
}

export const mintOrderId = (editionId) => `${editionId}-${randomText()}`;
