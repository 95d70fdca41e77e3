import { describe, expect, it } from "vitest";
import { withDocuments } from "../../src/call/cited-documents";

const found = (result: unknown) => Object.fromEntries(withDocuments(new Map(), "look", result));

describe("documents in a tool's result", () => {
  it("have an id, a name and paragraphs", () => {
    const result = [{ id: "NT-1", name: "Family Plan", content: ["One.", "Two."] }];
    expect(found(result)).toEqual({
      "NT-1": { id: "NT-1", name: "Family Plan", content: ["One.", "Two."], tool: "look" },
    });
    expect(found({ id: "d", title: "T", text: "One.\n\nTwo." })).toMatchObject({
      d: { name: "T", content: ["One.", "Two."] },
    });
  });

  it("are found within other values", () => {
    expect(Object.keys(found({ documents: [{ id: "a" }, { policy: { document_id: "b" } }] }))).toEqual(["a", "b"]);
  });

  it("without a text show all of their fields", () => {
    const order = { id: "SNP-1", total: 3 };
    expect(found([order])).toEqual({ "SNP-1": { id: "SNP-1", name: null, content: { value: order }, tool: "look" } });
  });

  it("are replaced by newer ones", () => {
    const before = withDocuments(new Map(), "look", { id: "a", text: "Old." });
    expect(withDocuments(before, "look", { id: "a", text: "New." }).get("a")?.content).toEqual(["New."]);
    expect(before.get("a")?.content).toEqual(["Old."]);
  });

  it.each([null, "text", 7, true, [], {}, { id: 7 }, { id: "" }, [[[[[{ id: "deep" }]]]]]])(
    "are not in %j",
    (result) => {
      const before = new Map();
      expect(withDocuments(before, "look", result)).toBe(before);
    },
  );
});
