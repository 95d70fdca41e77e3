import { afterEach, expect, it, vi } from "vitest";
import { loadCatalogue } from "../../src/call/catalogue";
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
