import { expect, it } from "vitest";
import { type Stretch, TrackPair } from "../../src/audio/stereo-interleaver";
import { wavHeader } from "../../src/audio/wav";

const RATE = 1280;
const QUANTUM_MS = 100;

function pair(startedAt = 0): { pair: TrackPair; put: Stretch[] } {
  const put: Stretch[] = [];
  return { pair: new TrackPair(RATE, startedAt, (stretch) => put.push(stretch)), put };
}

const tone = (level: number): Float32Array => new Float32Array(128).fill(level);
const lengths = (put: Stretch[]): string[] => put.map((one) => ("stereo" in one ? `${one.stereo.length / 2} sounding` : `${one.silentFrames} silent`));

it("puts both voices side by side", () => {
  const { pair: both, put } = pair();
  both.add(tone(0.5), tone(-1), 0);
  both.flush();
  expect(put).toHaveLength(1);
  expect([...(put[0] as { stereo: Int16Array }).stereo.slice(0, 4)]).toEqual([16384, -32767, 16384, -32767]);
});

it("gives out a second at a time, and of silence only its length", () => {
  const { pair: both, put } = pair();
  for (let quantum = 0; quantum < 25; quantum += 1) both.add(quantum >= 12 ? tone(0.1) : undefined, undefined, quantum * QUANTUM_MS);
  both.flush();
  expect(lengths(put)).toEqual(["1280 silent", "1280 sounding", "640 sounding"]);
});

it("keeps the time in which no sound could flow: before the first, and while the device was away", () => {
  const { pair: both, put } = pair(1000);
  both.add(tone(0.1), undefined, 1300);
  both.add(tone(0.1), undefined, 1400);
  both.add(tone(0.1), undefined, 4400);
  both.flush();
  expect(lengths(put)).toEqual(["384 silent", "256 sounding", "3840 silent", "128 sounding"]);
});

it("heads a WAV file as players read it", () => {
  const header = new DataView(wavHeader(24_000, 2, 1000));
  const letters = (from: number): string => String.fromCharCode(...new Uint8Array(header.buffer, from, 4));
  expect([letters(0), letters(8), letters(12), letters(36)]).toEqual(["RIFF", "WAVE", "fmt ", "data"]);
  expect([header.getUint32(4, true), header.getUint16(22, true), header.getUint32(24, true), header.getUint32(28, true), header.getUint16(34, true), header.getUint32(40, true)]).toEqual([1036, 2, 24_000, 96_000, 16, 1000]);
});
