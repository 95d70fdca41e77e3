/** Header of WAV files with PCM16 samples. */

const HEADER_BYTES = 44;
const BYTES_PER_SAMPLE = 2;

/** Return the header for a number of bytes of samples. */
export function wavHeader(rate: number, channels: number, bytes: number): ArrayBuffer {
  const header = new DataView(new ArrayBuffer(HEADER_BYTES));
  const text = (at: number, letters: string): void => {
    for (let index = 0; index < letters.length; index += 1) header.setUint8(at + index, letters.charCodeAt(index));
  };
  text(0, "RIFF");
  header.setUint32(4, HEADER_BYTES - 8 + bytes, true);
  text(8, "WAVEfmt ");
  header.setUint32(16, 16, true);
  header.setUint16(20, 1, true); // plain PCM
  header.setUint16(22, channels, true);
  header.setUint32(24, rate, true);
  header.setUint32(28, rate * channels * BYTES_PER_SAMPLE, true);
  header.setUint16(32, channels * BYTES_PER_SAMPLE, true);
  header.setUint16(34, 8 * BYTES_PER_SAMPLE, true);
  text(36, "data");
  header.setUint32(40, bytes, true);
  return header.buffer;
}
