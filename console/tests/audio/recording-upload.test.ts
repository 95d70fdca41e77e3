import { describe, expect, it } from "vitest";
import { muLaw } from "../../src/audio/mu-law";
import { CallClock, RecordingUpload } from "../../src/audio/recording-upload";
import { CHUNK_MS, type Chunk, StereoChunker } from "../../src/audio/stereo-chunker";

function decode(code: number): number {
  const bits = ~code & 0xff;
  const magnitude = ((((bits & 0x0f) * 2 + 33) << ((bits >> 4) & 7)) - 33) * 4;
  return (bits >= 0x80 ? -magnitude : magnitude) / 32_768;
}

describe("muLaw", () => {
  it("represents each sample to some percent", () => {
    for (let sample = -1; sample <= 1; sample += 0.001) {
      expect(Math.abs(decode(muLaw(sample)) - sample)).toBeLessThan(0.0005 + Math.abs(sample) * 0.04);
    }
  });
});

describe("StereoChunker", () => {
  const collect = (rate: number, ms: number, sample: (at: number) => number): Chunk[] => {
    const chunks: Chunk[] = [];
    const chunker = new StereoChunker(rate, (chunk) => chunks.push(chunk));
    for (let at = 0; at < (rate * ms) / 1000; at += 128) {
      const quantum = Float32Array.from({ length: 128 }, (_, index) => sample((at + index) / rate));
      chunker.add(quantum, new Float32Array(128), 5000 + ((at + 128) / rate) * 1000);
    }
    return chunks;
  };

  it("interleaves both voices in chunks with the time of their last sample", () => {
    const chunks = collect(24_000, 1000, () => 0.5);
    expect(chunks.map(({ at }) => Math.round(at))).toEqual([5200, 5400, 5600, 5800, 6000]);
    expect(chunks[0]?.codes.length).toBe(2 * 24 * CHUNK_MS);
    expect([chunks[0]?.codes[10], chunks[0]?.codes[11]]).toEqual([muLaw(0.5), muLaw(0)]);
  });

  it("emits nothing for silence", () => {
    expect(collect(24_000, 1000, () => 0)).toEqual([]);
  });

  it("resamples the audio of a device with another rate", () => {
    const chunks = collect(48_000, 1000, (s) => 0.5 * Math.sin(2 * Math.PI * 440 * s));
    const left = chunks.flatMap(({ codes }) => [...codes].filter((_, index) => index % 2 === 0).map(decode));
    const crossings = left
      .slice(2400, 19_200)
      .filter((value, index, all) => index > 0 && value >= 0 !== (all[index - 1] ?? 0) >= 0);
    expect(crossings.length).toBeGreaterThan(2 * 440 * 0.7 - 3);
    expect(crossings.length).toBeLessThan(2 * 440 * 0.7 + 3);
  });
});

describe("CallClock", () => {
  it("follows the frame with the least delay", () => {
    const clock = new CallClock();
    expect(clock.at(0)).toBeNull();
    clock.note(1000, 50_080);
    clock.note(2000, 51_020);
    clock.note(3000, 52_300);
    expect(clock.at(52_020)).toBe(3000);
  });
});

describe("RecordingUpload", () => {
  const chunk = (at: number): Chunk => ({ codes: new Uint8Array([1, 2]), at });
  const setUp = (): { upload: RecordingUpload; sent: number[]; network: { up: boolean } } => {
    const clock = new CallClock();
    clock.note(0, 1000);
    const [sent, network] = [[] as number[], { up: true }];
    const upload = new RecordingUpload(clock, (frame) => {
      if (network.up) sent.push(new DataView(frame).getUint32(4, true));
      return network.up;
    });
    return { upload, sent, network };
  };

  it("sends each chunk with the call's time", () => {
    const { upload, sent } = setUp();
    upload.add(chunk(1200));
    upload.add(chunk(1400));
    expect(sent).toEqual([200, 400]);
  });

  it("keeps the last 30 s while the network is down, and sends them in order", () => {
    const { upload, sent, network } = setUp();
    network.up = false;
    for (let index = 0; index < 200; index += 1) upload.add(chunk(1200 + 200 * index));
    expect(sent).toEqual([]);
    network.up = true;
    upload.add(chunk(41_200));
    expect(sent.length).toBe(150);
    expect(sent[0]).toBe(40_200 - 149 * 200);
    expect(sent).toEqual([...sent].sort((one, other) => one - other));
  });

  it("sends nothing before the server's clock is known", () => {
    const sent: ArrayBuffer[] = [];
    new RecordingUpload(new CallClock(), (frame) => sent.push(frame) > 0).add(chunk(1000));
    expect(sent).toEqual([]);
  });
});
