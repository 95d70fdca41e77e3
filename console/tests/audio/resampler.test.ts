import { expect, it } from "vitest";
import { Resampler } from "../../src/audio/resampler";

function tone(hz: number, rate: number, seconds: number): Float32Array {
  return Float32Array.from({ length: rate * seconds }, (_, n) => Math.sin((2 * Math.PI * hz * n) / rate));
}

/** Resample in blocks of 128 samples, as the audio thread does. */
function resampled(input: Float32Array, rate: number): number[] {
  const resampler = new Resampler(rate);
  const out: number[] = [];
  for (let at = 0; at < input.length; at += 128) out.push(...resampler.process(input.subarray(at, at + 128)));
  return out;
}

/** Return the share of a tone of this frequency in 24 kHz samples: 1 for the tone itself. */
function share(samples: number[], hz: number): number {
  let re = 0;
  let im = 0;
  samples.forEach((sample, n) => {
    re += sample * Math.cos((2 * Math.PI * hz * n) / 24_000);
    im += sample * Math.sin((2 * Math.PI * hz * n) / 24_000);
  });
  return (2 * Math.hypot(re, im)) / samples.length;
}

it.each([48_000, 44_100, 16_000, 96_000])("preserves speech and its duration from %i Hz", (rate) => {
  const out = resampled(tone(1000, rate, 1), rate);
  expect(Math.abs(out.length - 24_000)).toBeLessThan(40);
  expect(share(out.slice(100, -100), 1000)).toBeCloseTo(1, 1);
});

it.each([48_000, 44_100])("removes frequencies above 12 kHz at %i Hz", (rate) => {
  const out = resampled(tone(16_000, rate, 1), rate);
  expect(share(out.slice(100, -100), 8000)).toBeLessThan(0.01);
});

it("returns 24 kHz input unchanged", () => {
  const block = tone(440, 24_000, 0.01);
  expect(new Resampler(24_000).process(block)).toBe(block);
});
