import { describe, expect, it } from "vitest";
import { addressOf, countFilters, NO_FILTERS, parseFilters, requestOf } from "../../src/calls/call-filters";

const ALL =
  "?q=blue+board&scenario=shop&agent=clerk&status=failed&outcome=hung+up&min_ms=60000&max_ms=90500&errors=1&trips=1&since=2026-05-01&until=2026-05-02";

describe("the filters of the list of calls", () => {
  it("are in the page's address, and come back from it", () => {
    const filters = parseFilters(ALL);
    expect(filters).toEqual({
      q: "blue board",
      scenario: "shop",
      agent: "clerk",
      status: "failed",
      outcome: "hung up",
      minS: 60,
      maxS: 90.5,
      since: "2026-05-01",
      until: "2026-05-02",
      errors: true,
      trips: true,
    });
    expect(addressOf(filters)).toBe(ALL);
  });

  it("leave the address empty if none is set", () => {
    expect(parseFilters("")).toEqual(NO_FILTERS);
    expect(addressOf(NO_FILTERS)).toBe("");
  });

  it("ignore values that make no sense", () => {
    expect(parseFilters("?min_ms=long&max_ms=-5&since=yesterday&until=2026-13-45&errors=yes")).toEqual(NO_FILTERS);
  });

  it("ask for whole days of the reader's time zone", () => {
    const query = requestOf(parseFilters("?since=2026-05-01&until=2026-05-02"));
    expect(query.get("since")).toBe(new Date(2026, 4, 1).toISOString());
    expect(query.get("until")).toBe(new Date(2026, 4, 3).toISOString());
  });

  it("are counted without the search", () => {
    expect(countFilters(parseFilters(ALL))).toBe(10);
    expect(countFilters(parseFilters("?q=board"))).toBe(0);
  });
});
