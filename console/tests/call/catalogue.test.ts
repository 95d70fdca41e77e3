import { afterEach, describe, expect, it, vi } from "vitest";
import { answeringPart, loadCatalogue } from "../../src/call/catalogue";
import * as api from "../../src/transport/api";

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

it("shares one request while the server is unreachable, and requests again afterwards", async () => {
  vi.useFakeTimers();
  const asked = vi.spyOn(api, "scenarios").mockRejectedValueOnce(new Error("away")).mockResolvedValue([]);
  vi.spyOn(api, "health").mockResolvedValue({ status: "ok", version: "1", provider: "local" });
  vi.spyOn(api, "problems").mockResolvedValue([]);
  const answers = [loadCatalogue(), loadCatalogue(), loadCatalogue()];
  await vi.advanceTimersByTimeAsync(10_000);
  await Promise.all(answers);
  expect(asked).toHaveBeenCalledTimes(2);
  await loadCatalogue();
  expect(asked).toHaveBeenCalledTimes(3);
});

describe("the part that answers on the local engine", () => {
  const engine = { stt: "Whisper", tts: "Piper", advice: [] };
  const info = { name: "s", title: "S", description: "", voice: null, things_to_say: [], guardrails: [], agents: [] };

  it.each([
    [{ ...engine, model: null }, true, "rehearsal"],
    [{ ...engine, model: null }, undefined, "rehearsal"],
    [{ ...engine, model: null }, false, "none"],
    [{ ...engine, model: "qwen" }, false, "model"],
    [undefined, false, null],
  ])("with %o and rehearsed %s is %s", async (found, rehearsed, part) => {
    vi.spyOn(api, "scenarios").mockResolvedValue([]);
    const health = { status: "ok", version: "1", provider: "local" };
    vi.spyOn(api, "health").mockResolvedValue(found === undefined ? health : { ...health, engine: found });
    vi.spyOn(api, "problems").mockResolvedValue([]);
    await loadCatalogue();
    expect(answeringPart(rehearsed === undefined ? info : { ...info, rehearsed })).toBe(part);
  });
});
