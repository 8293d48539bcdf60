// A ticket's code, read without a network: its fields, its signature, and the keys with which it opens its entry of the
// door's list. The format is that of buystream.ticket_codes, the list's keys are those of buystream.door_lists.

const FORMAT = "BT1";
const BASE45 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ $%*+-./:";
const SIGNATURE_CHARS = 96;

const utf8 = (text) => new TextEncoder().encode(text);
const SALT = utf8("buystream door");

/** The fields of a code, or null for what is none; whether it is signed is another question. */
export function parse(text) {
  const said = text.slice(0, -SIGNATURE_CHARS - 1);
  const [format, kind, keyVersion, ticketId, variantId, issue, from, until] = said.split(":");
  if (format !== FORMAT || until === undefined || text[said.length] !== ":") return null;
  const lower = ticketId.toLowerCase().replaceAll("*", "~");
  return {
    text,
    said,
    signature: text.slice(-SIGNATURE_CHARS),
    kind,
    keyVersion: Number(keyVersion),
    ticketId: lower,
    editionId: lower.split("-").slice(0, 2).join("-"),
    variantId: variantId.toLowerCase(),
    issue: Number(issue),
    validFromMs: parseInt(from, 36),
    validUntilMs: parseInt(until, 36),
  };
}

/** Whether one of the keys, by version in base64url, signed it; null where this browser knows no Ed25519. */
export async function isSigned(code, publicKeys) {
  const known = publicKeys[code.keyVersion];
  if (!known) return false;
  const signature = bytesOfBase45(code.signature);
  if (!signature) return false;
  try {
    const key = await crypto.subtle.importKey("raw", bytesOf(known), "Ed25519", false, ["verify"]);
    return await crypto.subtle.verify("Ed25519", key, signature, utf8(code.said));
  } catch (error) {
    if (error.name === "NotSupportedError") return null;
    throw error;
  }
}

/** Where the code's entry is in the list, in base64url. */
export async function indexOf(text) {
  return base64(await derived(text, "index", 16));
}

/** What the code's entry of the list says; null when the code doesn't open it. */
export async function openEntry(text, sealed, editionId) {
  const key = await crypto.subtle.importKey("raw", await derived(text, "entry", 32), "AES-GCM", false, ["decrypt"]);
  const bytes = bytesOf(sealed);
  const how = { name: "AES-GCM", iv: bytes.subarray(0, 12), additionalData: utf8(editionId) };
  try {
    return JSON.parse(new TextDecoder().decode(await crypto.subtle.decrypt(how, key, bytes.subarray(12))));
  } catch {
    return null;
  }
}

async function derived(text, label, length) {
  const secret = await crypto.subtle.importKey("raw", utf8(text), "HKDF", false, ["deriveBits"]);
  const how = { name: "HKDF", hash: "SHA-256", salt: SALT, info: utf8(label) };
  return new Uint8Array(await crypto.subtle.deriveBits(how, secret, length * 8));
}

function bytesOf(text) {
  const binary = atob(text.replaceAll("-", "+").replaceAll("_", "/"));
  return Uint8Array.from(binary, (char) => char.charCodeAt(0));
}

function base64(bytes) {
  return btoa(String.fromCharCode(...bytes))
    .replaceAll("+", "-")
    .replaceAll("/", "_")
    .replaceAll("=", "");
}

/** Three digits say two bytes (RFC 9285); null for what doesn't. */
function bytesOfBase45(text) {
  const digits = [...text].map((char) => BASE45.indexOf(char));
  if (digits.includes(-1) || digits.length % 3) return null;
  const bytes = new Uint8Array((digits.length / 3) * 2);
  for (let n = 0; n < digits.length / 3; n += 1) {
    const pair = digits[3 * n] + 45 * digits[3 * n + 1] + 2025 * digits[3 * n + 2];
    if (pair > 0xffff) return null;
    bytes[2 * n] = pair >> 8;
    bytes[2 * n + 1] = pair & 0xff;
  }
  return bytes;
}
