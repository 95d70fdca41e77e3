import { expect, it } from "vitest";
import { sayNext } from "../../src/call/suggestions";

it("puts what the caller has said behind what comes next", () => {
  expect(sayNext(["My number", "My birthday", "Bye"], new Set(["My number", "other words"]))).toEqual([
    "My birthday",
    "Bye",
    "My number",
  ]);
});
