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
  Playback: class {
    push = (itemId: string): void => void heard.push(itemId);
    clear = (): void => void heard.push("silence");
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

function follow(event: { kind: string; item_id?: string }): void {
  leg.follow({ seq: 1, at_ms: 0, ...event } as LogFrame);
}

it("drops what is said after the server has cut it, and plays what comes next", () => {
  follow({ kind: "audio.started", item_id: "a" });
  leg.receive(new ArrayBuffer(2));
  follow({ kind: "audio.cleared", item_id: "a" });
  leg.receive(new ArrayBuffer(2));
  follow({ kind: "audio.started", item_id: "b" });
  leg.receive(new ArrayBuffer(2));
  expect(heard).toEqual(["a", "silence", "b"]);
});

it("plays on when the caller speaks up and the agent is not cut off", () => {
  follow({ kind: "audio.started", item_id: "a" });
  leg.receive(new ArrayBuffer(2));
  follow({ kind: "speech.started", item_id: "u" });
  leg.receive(new ArrayBuffer(2));
  expect(heard).toEqual(["a", "a"]);
});
