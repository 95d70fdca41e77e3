import { describe, expect, it } from "vitest";
import { outputLatencyMs } from "../../src/audio/output-latency";

const CHROMIUM =
  "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36";
const FIREFOX_ON_LINUX = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0";
const FIREFOX_ON_WINDOWS = "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0";

describe("output latency", () => {
  it("is the browser's value within limits", () => {
    expect(outputLatencyMs({ outputLatency: 0.024, baseLatency: 0.01 }, CHROMIUM)).toBe(24);
    expect(outputLatencyMs({ outputLatency: 0.18, baseLatency: 0 }, FIREFOX_ON_WINDOWS)).toBe(180);
    expect(outputLatencyMs({ outputLatency: 0, baseLatency: 0.01 }, CHROMIUM)).toBe(10);
    expect(outputLatencyMs({ outputLatency: 7, baseLatency: 0 }, CHROMIUM)).toBe(500);
  });

  it("has a default for Firefox on Linux, which may hang on the query", () => {
    const asked = {
      baseLatency: 0,
      get outputLatency(): number {
        throw new Error("it was asked");
      },
    };
    expect(outputLatencyMs(asked, FIREFOX_ON_LINUX)).toBe(40);
  });
});
