/** Conversion of a pasted or dropped image to a data URL that the call's socket takes. */

/** Longest side of an image in pixels: more does not help a model, and costs more tokens. */
const MAX_SIDE = 1024;
/** Characters of a data URL that the server accepts. */
const MAX_LENGTH = 700_000;
const QUALITIES = [0.85, 0.6, 0.35];

/** Return the first image among the files of a paste or drop; null without one. */
export function imageIn(data: DataTransfer | null): File | null {
  return [...(data?.files ?? [])].find((file) => file.type.startsWith("image/")) ?? null;
}

/** Return an image as a JPEG data URL, scaled down to 1024 pixels; null if the browser cannot read it. */
export async function imageUrl(file: Blob): Promise<string | null> {
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(file);
  } catch {
    return null;
  }
  const canvas = document.createElement("canvas");
  const { width, height } = scaled(bitmap.width, bitmap.height);
  canvas.width = width;
  canvas.height = height;
  const context = canvas.getContext("2d");
  if (context === null) return null;
  context.fillStyle = "white"; // JPEG has no transparency.
  context.fillRect(0, 0, width, height);
  context.drawImage(bitmap, 0, 0, width, height);
  bitmap.close();
  for (const quality of QUALITIES) {
    const url = canvas.toDataURL("image/jpeg", quality);
    if (url.length <= MAX_LENGTH) return url;
  }
  return null;
}

/** Return the size of an image whose longest side is at most `MAX_SIDE`. */
export function scaled(width: number, height: number): { width: number; height: number } {
  const factor = Math.min(1, MAX_SIDE / Math.max(width, height));
  return { width: Math.max(1, Math.round(width * factor)), height: Math.max(1, Math.round(height * factor)) };
}
