// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { hangUp, signOut } from "../../src/transport/api";

const asked: string[] = [];
let answers: (() => void)[] = [];

beforeEach(() => {
  asked.length = 0;
  answers = [];
  vi.stubGlobal("location", { assign: (url: URL) => asked.push(`to ${url.pathname}`), search: "" });
  vi.stubGlobal("fetch", (url: URL, { method }: RequestInit) => {
    asked.push(`${method} ${url.pathname}${url.search}`);
    return new Promise<Response>((resolve) => answers.push(() => resolve(new Response(null, { status: 204 }))));
  });
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

it("signs out after the hang-up, which needs the cookie", async () => {
  vi.useFakeTimers();
  const hung = hangUp("call_1", "leg_1");
  const out = signOut();
  await vi.advanceTimersByTimeAsync(1000);
  expect(asked).toEqual(["DELETE /api/calls/call_1?leg=leg_1"]);
  answers[0]?.();
  await hung;
  await vi.advanceTimersByTimeAsync(100);
  answers[1]?.();
  await out;
  expect(asked).toEqual(["DELETE /api/calls/call_1?leg=leg_1", "POST /sign-out", "to /sign-in"]);
});

it("signs out after a timeout without an answer", async () => {
  vi.useFakeTimers();
  void hangUp("call_1", "leg_1");
  const out = signOut();
  await vi.advanceTimersByTimeAsync(3100);
  answers[1]?.();
  await out;
  expect(asked.at(-1)).toBe("to /sign-in");
});
