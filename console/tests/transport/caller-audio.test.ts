import { beforeEach, expect, it } from "vitest";
import { CallerAudio, MAX_KEPT } from "../../src/transport/caller-audio";
import type { PageFrame } from "../../src/transport/frames";

const FRAME = 480;

let sent: string[];
let open: boolean;
let audio: CallerAudio;

beforeEach(() => {
  sent = [];
  open = true;
  audio = new CallerAudio((frame) => {
    if (open) sent.push(typeof frame === "string" ? frame : `${new Int16Array(frame)[0]}`);
    return open;
  });
});

function role(audio_position?: number): void {
  audio.onConnecting();
  audio.onPageFrame({ seq: 0, at_ms: 0, kind: "leg.role", role: "caller", audio_position } as PageFrame);
}

/** Let the microphone give frames with these numbers. */
function speak(...numbers: number[]): void {
  for (const number of numbers) audio.add(new Int16Array(FRAME).fill(number).buffer);
}

const from = (position: number, late_ms = 0): string => JSON.stringify({ type: "audio_from", position, late_ms });

it("drops audio from before the first connection, and numbers the rest", () => {
  speak(1);
  role(0);
  speak(2, 3);
  expect(sent).toEqual([from(0), "2", "3"]);
});

it("sends audio again from the server's position, before newer audio", () => {
  role(0);
  speak(1, 2);
  open = false;
  speak(3);
  sent = [];
  open = true;
  role(FRAME);
  speak(4);
  expect(sent).toEqual([from(FRAME, 40), "2", "3", "4"]);
});

it("sends nothing before the server has said its position", () => {
  role(0);
  sent = [];
  audio.onConnecting();
  speak(1);
  expect(sent).toEqual([]);
  role(0);
  expect(sent).toEqual([from(0, 20), "1"]);
});

it("forgets what the server has acknowledged, also for another server that knows less", () => {
  role(0);
  speak(1, 2, 3);
  audio.onPageFrame({ seq: 0, at_ms: 0, kind: "audio.acknowledged", position: 2 * FRAME + 1 });
  sent = [];
  role(0);
  expect(sent).toEqual([from(2 * FRAME, 20), "3"]);
});

it("continues a leg of which it has no audio, as after a reload", () => {
  role(9600);
  speak(1);
  expect(sent).toEqual([from(9600), "1"]);
});

it("keeps the latest twenty seconds, and says what is missing", () => {
  role(0);
  sent = [];
  open = false;
  const frames = MAX_KEPT / FRAME;
  for (let number = 0; number < frames + 5; number += 1) speak(number);
  open = true;
  role(0);
  expect(sent.slice(0, 2)).toEqual([from(5 * FRAME, 20_000), "5"]);
  expect(sent).toHaveLength(1 + frames);
});

it("says what is missing if the network stays too slow for the kept audio", () => {
  role(0);
  sent = [];
  open = false;
  speak(1);
  for (let number = 0; number < MAX_KEPT / FRAME; number += 1) speak(2);
  open = true;
  speak(3);
  expect(sent.slice(0, 2)).toEqual([from(2 * FRAME, 20_000), "2"]);
});

it("sends plain audio to a server that does not number it", () => {
  role();
  speak(1);
  open = false;
  speak(2);
  open = true;
  role();
  speak(3);
  expect(sent).toEqual(["1", "3"]);
});
