// @vitest-environment happy-dom
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Connection } from "../../src/call/connection";
import type { ScenarioInfo } from "../../src/transport/api";

const server = vi.hoisted(() => ({ scenarios: [] as unknown[], connects: [] as unknown[], resumed: [] as string[] }));

vi.mock("../../src/transport/api", () => ({
  ApiError: class extends Error {},
  scenarios: async () => server.scenarios,
  health: async () => ({ status: "ok", version: "1", provider: "local" }),
  problems: async () => [],
  iceServers: async () => [],
}));
vi.mock("../../src/call/connection", async () => {
  const { signal } = await import("@preact/signals");
  const { emptyCall } = await import("../../src/call/call-state");
  return {
    Connection: class {
      readonly phase = signal("idle");
      readonly role = signal("caller");
      readonly call = signal(emptyCall());
      readonly leg = signal(null);
      connect(scenario: string, agent: string | null): void {
        server.connects.push([scenario, agent]);
        this.phase.value = "connected";
        this.call.value = { ...emptyCall(), scenario, agent };
      }
      resume(callId: string): void {
        server.resumed.push(callId);
      }
    },
  };
});

const scenarioInfo = (name: string, title: string, agents: string[]): ScenarioInfo =>
  ({ name, title, agents: agents.map((agent) => ({ name: agent })) }) as ScenarioInfo;

/** The page's state, loaded again at an address. */
async function open(search: string): Promise<typeof import("../../src/call/app-state")> {
  history.replaceState(null, "", `/${search}`);
  vi.resetModules();
  const page = await import("../../src/call/app-state");
  await page.start();
  return page;
}

async function noticeTexts(): Promise<string> {
  const { notices } = await import("../../src/ui/notices");
  return notices.value.map(({ text }) => text).join(" ");
}

function end(connection: Connection): void {
  (connection.phase as { value: string }).value = "ended";
}

beforeEach(() => {
  server.scenarios = [scenarioInfo("shop", "The shop", ["clerk", "returns"]), scenarioInfo("haiku", "Haiku", ["poet"])];
  server.connects = [];
  server.resumed = [];
});

afterEach(() => history.replaceState(null, "", "/"));

describe("the address", () => {
  it("starts a call with the first scenario by default", async () => {
    const page = await open("");
    expect(server.connects).toEqual([["shop", null]]);
    expect([page.scenario.value?.name, page.agent.value]).toEqual(["shop", "clerk"]);
  });

  it("chooses scenario and agent", async () => {
    await open("?agentConfig=shop&agent=returns");
    expect(server.connects).toEqual([["shop", "returns"]]);
  });

  it("can leave the start to the button", async () => {
    const page = await open("?connect=0&scenario=haiku");
    expect(server.connects).toEqual([]);
    page.refreshAndConnect();
    expect(server.connects).toEqual([["haiku", null]]);
  });

  it("returns to its call instead of starting one", async () => {
    await open("?call=c7&scenario=haiku");
    expect([server.resumed, server.connects]).toEqual([["c7"], []]);
  });

  it("with an unknown scenario or agent gets a notice with the known ones", async () => {
    await open("?scenario=shoe");
    expect(await noticeTexts()).toMatch(/“shoe” does not exist, so this is “The shop”.*shop, haiku/);
    await open("?scenario=shop&agent=boss");
    expect(await noticeTexts()).toMatch(/no agent “boss”.*clerk, returns/);
    expect(server.connects.at(-1)).toEqual(["shop", null]);
  });

  it("with unknown values gets a notice", async () => {
    await open("?codec=mp3");
    expect(await noticeTexts()).toMatch(/unknown codec “mp3”/);
  });
});

describe("a choice", () => {
  it("of another scenario starts a new call during a call", async () => {
    const page = await open("");
    page.chooseScenario("haiku");
    expect(server.connects.at(-1)).toEqual(["haiku", null]);
    expect(location.search).toContain("agentConfig=haiku");
  });

  it("of another agent starts a new call during a call", async () => {
    const page = await open("");
    page.chooseAgent("returns");
    expect(server.connects.at(-1)).toEqual(["shop", "returns"]);
    expect(location.search).toContain("agent=returns");
  });

  it("waits for the button between calls", async () => {
    const page = await open("");
    end(page.connection);
    page.chooseScenario("haiku");
    expect(server.connects).toHaveLength(1);
    expect([page.scenario.value?.name, page.agent.value]).toEqual(["haiku", "poet"]);
  });
});

it("has a notice if the server has no scenario", async () => {
  server.scenarios = [];
  const page = await open("");
  expect(await noticeTexts()).toMatch(/no scenario/);
  expect([page.agent.value, server.connects]).toEqual([null, []]);
});
