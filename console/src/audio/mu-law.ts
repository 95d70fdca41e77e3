/** G.711 μ-law: 8 bits for each sample, with the quality of 13 to 14 bits at low levels. */

const BIAS = 33;
const MAX_MAGNITUDE = 8158;

/** Return the code of a sample from -1 to 1. */
export function muLaw(sample: number): number {
  const linear = Math.max(-32_768, Math.min(32_767, Math.round(sample * 32_767))) >> 2;
  const magnitude = Math.min(Math.abs(linear), MAX_MAGNITUDE) + BIAS;
  const chord = Math.max(0, 26 - Math.clz32(magnitude));
  const code = (chord << 4) | ((magnitude >> (chord + 1)) & 0x0f);
  return code ^ (linear < 0 ? 0x7f : 0xff);
}
