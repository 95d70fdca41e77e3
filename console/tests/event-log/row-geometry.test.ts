import { describe, expect, it } from "vitest";
import { RowGeometry } from "../../src/event-log/row-geometry";

describe("the rows of a long list", () => {
  it("lie below one another", () => {
    const rows = new RowGeometry(28);
    expect(rows.top(10_000)).toBe(280_000);
    expect(rows.range(28_000, 28_100, 10_000)).toEqual({ first: 1000, end: 1004 });
  });

  it("move down for expanded rows", () => {
    const rows = new RowGeometry(28);
    rows.setHeight(2, 300);
    expect(rows.top(2)).toBe(56);
    expect(rows.top(3)).toBe(356);
    expect(rows.range(60, 100, 10)).toEqual({ first: 2, end: 3 });
    expect(rows.range(356, 384, 10)).toEqual({ first: 3, end: 4 });
    rows.setHeight(2, 28);
    expect(rows.total(10)).toBe(280);
  });

  it("are limited to the list", () => {
    const rows = new RowGeometry(28);
    expect(rows.range(-500, 60, 3)).toEqual({ first: 0, end: 3 });
    expect(rows.range(-500, 500, 0)).toEqual({ first: 0, end: 0 });
  });
});
