import { afterEach, expect, it, vi } from "vitest";
import * as api from "../../src/transport/api";
import { iceServers } from "../../src/transport/ice-servers";

const STUN = { urls: "stun:stun.example" };

afterEach(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
});

it("loads the servers once an hour, and again after a failure", async () => {
  vi.useFakeTimers();
  const asked = vi.spyOn(api, "iceServers").mockRejectedValueOnce(new Error("away")).mockResolvedValue([STUN]);
  expect(await iceServers()).toEqual([]);
  expect(await iceServers()).toEqual([STUN]);
  expect(await iceServers()).toEqual([STUN]);
  expect(asked).toHaveBeenCalledTimes(2);
  vi.advanceTimersByTime(3_600_001);
  await iceServers();
  expect(asked).toHaveBeenCalledTimes(3);
});
