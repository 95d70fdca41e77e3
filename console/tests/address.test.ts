import { expect, it } from "vitest";
import { readWishes, searchWith } from "../src/address";

it("reads what the address asks for", () => {
  expect(readWishes("?scenario=shop&agent=returns&transport=websocket&call=c1")).toEqual({
    scenario: "shop",
    agent: "returns",
    transport: "websocket",
    call: "c1",
    connects: true,
  });
});

it("takes agentConfig for the scenario, and what it does not know for the default", () => {
  expect(readWishes("?agentConfig=shop&transport=pigeon&connect=0")).toMatchObject({ scenario: "shop", transport: "auto", connects: false });
  expect(readWishes("")).toEqual({ scenario: null, agent: null, transport: "auto", call: null, connects: true });
});

it("changes only what it is told to", () => {
  expect(searchWith("?codec=pcmu&call=old", { call: "new", agent: null })).toBe("?codec=pcmu&call=new");
  expect(searchWith("?call=old", { call: null })).toBe("");
});
