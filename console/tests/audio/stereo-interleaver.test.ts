import { expect, it } from "vitest";
import { type Segment, StereoInterleaver } from "../../src/audio/stereo-interleaver";
import { wavHeader } from "../../src/audio/wav";

const RATE = 1280;
const QUANTUM_MS = 100;

function pair(startedAt = 0): { pair: StereoInterleaver; segments: Segment[] } {
  const segments: Segment[] = [];
  return { pair: new StereoInterleaver(RATE, startedAt, (stretch) => segments.push(stretch)), segments };
}

const tone = (level: number): Float32Array => new Float32Array(128).fill(level);
const lengths = (segments: Segment[]): string[] =>
  segments.map((one) => ("stereo" in one ? `${one.stereo.length / 2} audible` : `${one.silentFrames} silent`));

it("interleaves both voices", () => {
  const { pair: both, segments } = pair();
  both.add(tone(0.5), tone(-1), 0);
  both.flush();
  expect(segments).toHaveLength(1);
  expect([...(segments[0] as { stereo: Int16Array }).stereo.slice(0, 4)]).toEqual([16384, -32767, 16384, -32767]);
});

it("emits segments of one second, and only the length of silence", () => {
  const { pair: both, segments } = pair();
  for (let quantum = 0; quantum < 25; quantum += 1)
    both.add(quantum >= 12 ? tone(0.1) : undefined, undefined, quantum * QUANTUM_MS);
  both.flush();
  expect(lengths(segments)).toEqual(["1280 silent", "1280 audible", "640 audible"]);
});

it("records gaps as silence: before the first audio and while the device was removed", () => {
  const { pair: both, segments } = pair(1000);
  both.add(tone(0.1), undefined, 1300);
  both.add(tone(0.1), undefined, 1400);
  both.add(tone(0.1), undefined, 4400);
  both.flush();
  expect(lengths(segments)).toEqual(["384 silent", "256 audible", "3840 silent", "128 audible"]);
});

it("writes a valid WAV header", () => {
  const header = new DataView(wavHeader(24_000, 2, 1000));
  const letters = (from: number): string => String.fromCharCode(...new Uint8Array(header.buffer, from, 4));
  expect([letters(0), letters(8), letters(12), letters(36)]).toEqual(["RIFF", "WAVE", "fmt ", "data"]);
  expect([
    header.getUint32(4, true),
    header.getUint16(22, true),
    header.getUint32(24, true),
    header.getUint32(28, true),
    header.getUint16(34, true),
    header.getUint32(40, true),
  ]).toEqual([1036, 2, 24_000, 96_000, 16, 1000]);
});
