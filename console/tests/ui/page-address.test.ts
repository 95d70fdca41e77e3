// @vitest-environment happy-dom
import { afterEach, describe, expect, it } from "vitest";
import { pageOf, rootUrl, storedCallUrl } from "../../src/ui/page-address";

const at = (pathname: string, root = "/") => pageOf({ pathname }, root);

describe("the page of an address", () => {
  it("is the live call at the root, also below a prefix", () => {
    expect(at("/")).toEqual({ name: "live" });
    expect(at("/voice/", "/voice/")).toEqual({ name: "live" });
    expect(at("/index.html")).toEqual({ name: "live" });
  });

  it("is the list of calls, or one call", () => {
    expect(at("/calls")).toEqual({ name: "calls" });
    expect(at("/calls/call_1")).toEqual({ name: "call", callId: "call_1" });
    expect(at("/voice/calls/call_1", "/voice/")).toEqual({ name: "call", callId: "call_1" });
  });

  it("is not misled by a prefix of the same name", () => {
    expect(at("/calls/", "/calls/")).toEqual({ name: "live" });
    expect(at("/calls/calls", "/calls/")).toEqual({ name: "calls" });
  });
});

describe("the root of the console", () => {
  afterEach(() => document.head.querySelector("meta[name=root]")?.remove());

  it("is the folder that the page names", () => {
    const meta = document.createElement("meta");
    meta.name = "root";
    meta.content = "../";
    document.head.append(meta);
    expect(rootUrl().href).toBe(new URL("../", document.baseURI).href);
    expect(storedCallUrl("call 1", 7)).toBe("/calls/call%201#7");
  });
});
