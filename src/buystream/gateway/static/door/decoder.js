// Reads QR codes from a picture: by the browser's own BarcodeDetector where it has one for QR codes, otherwise by
// zxing-cpp as WebAssembly, which comes with the shop.

const WASM = new URL("../vendor/zxing-wasm/zxing_reader.wasm", import.meta.url).href;
const READER = "../vendor/zxing-wasm/reader.mjs";

/** `read(source)` resolves to the texts in a video's frame, or in a canvas. */
export async function makeDecoder() {
  return (await native()) ?? zxing();
}

async function native() {
  try {
    if (!(await globalThis.BarcodeDetector?.getSupportedFormats())?.includes("qr_code")) return null;
    const detector = new BarcodeDetector({ formats: ["qr_code"] });
    return { name: "browser", read: async (source) => (await detector.detect(source)).map((one) => one.rawValue) };
  } catch {
    return null;
  }
}

async function zxing() {
  const { prepareZXingModule, readBarcodes } = await import(READER);
  await prepareZXingModule({ overrides: { locateFile: () => WASM }, fireImmediately: true });
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d", { willReadFrequently: true });
  return {
    name: "zxing",
    read: async (source) => {
      const width = source.videoWidth ?? source.width;
      const height = source.videoHeight ?? source.height;
      if (!width || !height) return [];
      const scale = Math.min(1, 1024 / Math.max(width, height)); // a QR code needs no more
      canvas.width = Math.round(width * scale);
      canvas.height = Math.round(height * scale);
      context.drawImage(source, 0, 0, canvas.width, canvas.height);
      const found = await readBarcodes(context.getImageData(0, 0, canvas.width, canvas.height), {
        formats: ["QRCode"],
        tryHarder: true,
        maxNumberOfSymbols: 1,
      });
      return found.filter((one) => one.isValid).map((one) => one.text);
    },
  };
}
