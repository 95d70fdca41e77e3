import { expect, it } from "vitest";
import { markWords } from "../../src/calls/match-text";

const marked = (text: string, query: string): string =>
  markWords(text, query)
    .map((part) => (part.hit ? `[${part.text}]` : part.text))
    .join("");

it("marks each word of the search, in any case", () => {
  expect(marked("The Blue board, the blue one.", "BLUE one")).toBe("The [Blue] board, the [blue] [one].");
});

it("cuts a long text around the first hit", () => {
  const found = marked(`${"snow ".repeat(60)}board ${"ice ".repeat(60)}`, "board");
  expect(found).toMatch(/^… snow .*\[board\] ice .* …$/);
  expect(found.length).toBeLessThan(180);
});

it("takes signs of the search as text", () => {
  expect(marked("It costs (about) $5.", "(about) $5")).toBe("It costs ([about]) $[5].");
  expect(marked("Nothing to mark.", "* .")).toBe("Nothing to mark.");
});
