import { afterEach, beforeEach, expect, it, vi } from "vitest";
import type { LogFrame } from "../../src/transport/frames";
import { RelayLeg } from "../../src/transport/relay";

const heard: string[] = [];

vi.mock("../../src/audio/microphone", () => ({
  Microphone: class {
    open = async (): Promise<void> => undefined;
    close(): void {}
  },
}));
vi.mock("../../src/audio/relay-playout", () => ({
  RelayPlayout: class {
    push = (itemId: string): void => void heard.push(itemId);
    clear = (): void => void heard.push("silence");
    hold = (held: boolean): void => void heard.push(held ? "held" : "on");
    complete(): void {}
    close(): void {}
  },
}));

let leg: RelayLeg;

beforeEach(() => {
  heard.length = 0;
  leg = new RelayLeg(() => null);
});
afterEach(() => leg.close());

function follow(event: { kind: string; item_id?: string; filler_id?: string; interrupted?: boolean }): void {
  leg.onLogFrame({ seq: 1, at_ms: 0, ...event } as LogFrame);
}

it("drops the rest of an interrupted message and plays the next one", () => {
  follow({ kind: "audio.started", item_id: "a" });
  leg.onAudio(new ArrayBuffer(2));
  follow({ kind: "audio.cleared", item_id: "a" });
  leg.onAudio(new ArrayBuffer(2));
  follow({ kind: "audio.started", item_id: "b" });
  leg.onAudio(new ArrayBuffer(2));
  expect(heard).toEqual(["a", "silence", "b"]);
});

it("continues when the caller speaks without an interruption", () => {
  follow({ kind: "audio.started", item_id: "a" });
  leg.onAudio(new ArrayBuffer(2));
  follow({ kind: "speech.started", item_id: "u" });
  leg.onAudio(new ArrayBuffer(2));
  expect(heard).toEqual(["a", "a"]);
});

it("plays a filler apart from the message, and the message continues after it", () => {
  follow({ kind: "audio.started", item_id: "a" });
  leg.onAudio(new ArrayBuffer(2));
  follow({ kind: "filler.started", filler_id: "f" });
  leg.onAudio(new ArrayBuffer(2));
  follow({ kind: "filler.done", filler_id: "f" });
  leg.onAudio(new ArrayBuffer(2));
  expect(heard).toEqual(["a", "f", "a"]);
});

it("stops a filler that is interrupted", () => {
  follow({ kind: "filler.started", filler_id: "f" });
  leg.onAudio(new ArrayBuffer(2));
  follow({ kind: "filler.done", filler_id: "f", interrupted: true });
  expect(heard).toEqual(["f", "silence"]);
});

it.each(["audio.resumed", "audio.interrupted"])("holds the audio from audio.ducked until %s", (kind) => {
  follow({ kind: "audio.started", item_id: "a" });
  leg.onAudio(new ArrayBuffer(2));
  follow({ kind: "audio.ducked", item_id: "u" });
  leg.onAudio(new ArrayBuffer(2));
  follow({ kind, item_id: "u" });
  expect(heard).toEqual(["a", "held", "a", "on"]);
});
