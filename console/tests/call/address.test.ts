import { expect, it } from "vitest";
import { choice, readWishes, searchWith } from "../../src/call/address";

it("reads what the address asks for", () => {
  expect(readWishes("?scenario=shop&agent=returns&transport=websocket&codec=PCMU&call=c1")).toEqual({
    scenario: "shop",
    agent: "returns",
    transport: "websocket",
    codec: "pcmu",
    call: "c1",
    problems: [],
    connects: true,
  });
});

it("takes agentConfig for the scenario, and says what it does not know", () => {
  const wishes = readWishes("?agentConfig=shop&transport=pigeon&codec=mp3&connect=0");
  expect(wishes).toMatchObject({ scenario: "shop", transport: null, codec: null, connects: false });
  expect(wishes.problems).toEqual([
    "The address asks for the transport “pigeon”; there are: auto, webrtc, websocket.",
    "The address asks for the codec “mp3”; there are: opus, pcmu, pcma.",
  ]);
  expect(readWishes("")).toEqual({ scenario: null, agent: null, transport: null, codec: null, call: null, problems: [], connects: true });
});

it("changes only what it is told to", () => {
  expect(searchWith("?codec=pcmu&call=old", { call: "new", agent: null })).toBe("?codec=pcmu&call=new");
  expect(searchWith("?call=old", { call: null })).toBe("");
});

it("names the scenario as agentConfig and keeps the transport and the codec", () => {
  expect(searchWith("?scenario=old&transport=websocket&codec=pcma", choice("shop", null))).toBe("?transport=websocket&codec=pcma&agentConfig=shop");
});
