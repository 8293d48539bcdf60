// Many tracking numbers at once: a file, or lines that are pasted. All of them are right, or nothing is done.
import { ask, field } from "./ask.js";

const COLUMNS = "order,carrier,tracking";
const LINES_SHOWN_MAX = 8;

export function askImport({ call, done }) {
  ask({
    title: "Import tracking numbers",
    text:
      "A CSV or XLSX file whose first line names the columns: order, carrier, tracking; and variant and quantity " +
      "where an order is in several parcels.",
    confirm: "Pack these orders",
    fields: [
      field("file", "File", { type: "file", accept: ".csv,.txt,.xlsx", wide: true }),
      field("pasted", "Or paste lines", { rows: 5, wide: true, placeholder: "7K3PQ2X9,DHL,00340434161094022115" }),
    ],
    act: async ({ file, pasted }) => {
      const [chosen] = file.files;
      const bytes = chosen ? await chosen.arrayBuffer() : new TextEncoder().encode(named(pasted.value));
      if (!bytes.byteLength) throw new Error("Choose a file, or paste lines.");
      try {
        const answer = await call("POST", "/v1/merchant/shipments/imports", { file: base64(bytes) });
        const known = answer.known ? `, ${answer.known} known from before` : "";
        const refused = answer.refused.length ? ` ${inWords(answer.refused)}` : "";
        await done(`${answer.packed} orders packed${known}.${refused}`);
      } catch (problem) {
        throw problem.lines ? new Error(`Nothing was done. ${inWords(problem.lines)}`) : problem;
      }
    },
  });
}

/** Pasted lines without a head have the usual one. */
function named(text) {
  const lines = text.trim();
  return !lines || /\border\b/i.test(lines.split("\n", 1)[0]) ? lines : `${COLUMNS}\n${lines}`;
}

function inWords(lines) {
  const words = lines.slice(0, LINES_SHOWN_MAX).map(({ line, detail }) => `Line ${line}: ${detail}`);
  if (lines.length > words.length) words.push(`And ${lines.length - words.length} more.`);
  return words.join("\n");
}

function base64(bytes) {
  let text = "";
  for (const byte of new Uint8Array(bytes)) text += String.fromCharCode(byte);
  return btoa(text);
}
