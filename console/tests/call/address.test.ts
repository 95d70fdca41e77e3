// @vitest-environment happy-dom
import { expect, it } from "vitest";
import { parseAddress, rewriteAddress, scenarioParameters, updateSearch } from "../../src/call/address";

it("parses the options in the address", () => {
  expect(parseAddress("?scenario=shop&agent=returns&transport=websocket&codec=PCMU&call=c1")).toEqual({
    scenario: "shop",
    agent: "returns",
    transport: "websocket",
    codec: "pcmu",
    call: "c1",
    problems: [],
    autoConnect: true,
  });
});

it("accepts agentConfig for the scenario, and reports unknown values", () => {
  const options = parseAddress("?agentConfig=shop&transport=pigeon&codec=mp3&connect=0");
  expect(options).toMatchObject({ scenario: "shop", transport: null, codec: null, autoConnect: false });
  expect(options.problems).toEqual([
    "The address has the unknown transport “pigeon”. Use one of: auto, webrtc, websocket.",
    "The address has the unknown codec “mp3”. Use one of: opus, pcmu, pcma.",
  ]);
  expect(parseAddress("")).toEqual({
    scenario: null,
    agent: null,
    transport: null,
    codec: null,
    call: null,
    problems: [],
    autoConnect: true,
  });
});

it("changes only the given parameters", () => {
  expect(updateSearch("?codec=pcmu&call=old", { call: "new", agent: null })).toBe("?codec=pcmu&call=new");
  expect(updateSearch("?call=old", { call: null })).toBe("");
});

it("writes the scenario as agentConfig and keeps transport and codec", () => {
  expect(updateSearch("?scenario=old&transport=websocket&codec=pcma", scenarioParameters("shop", null))).toBe(
    "?transport=websocket&codec=pcma&agentConfig=shop",
  );
});

it("keeps the event in the address until another call begins", () => {
  history.replaceState(null, "", "/?call=c1&codec=pcmu#42");
  rewriteAddress({ codec: "opus" });
  rewriteAddress({ call: "c1" });
  expect(location.href).toMatch(/\?call=c1&codec=opus#42$/);
  rewriteAddress({ call: "c2" });
  expect(location.href).toMatch(/\?call=c2&codec=opus$/);
  history.replaceState(null, "", "/");
});

it("follows the reader's choice of codec and transport", async () => {
  history.replaceState(null, "", "/?call=c1&codec=pcmu");
  const preferences = await import("../../src/call/preferences");
  preferences.codec.save("pcma");
  preferences.transport.save("websocket");
  expect(location.search).toBe("?call=c1&codec=pcma&transport=websocket");
  history.replaceState(null, "", "/");
});
