// @vitest-environment happy-dom
import { cleanup, fireEvent, render, screen } from "@testing-library/preact";
import { afterEach, describe, expect, it, vi } from "vitest";

const page = vi.hoisted(() => ({ disconnects: 0 }));

vi.mock("../../src/call/app-state", async () => {
  const { signal } = await import("@preact/signals");
  const { emptyCall } = await import("../../src/call/call-state");
  const info = { name: "shop", title: "The shop", agents: [{ name: "clerk" }] };
  return {
    connection: {
      phase: signal("connected"),
      call: signal(emptyCall()),
      leg: signal(null),
      disconnect: () => {
        page.disconnects += 1;
      },
    },
    scenario: signal(info),
    agent: signal("clerk"),
    chooseAgent: () => undefined,
    chooseScenario: () => undefined,
  };
});

afterEach(cleanup);

describe("the logo", () => {
  const click = async (more: MouseEventInit = {}): Promise<number> => {
    const { Header } = await import("../../src/call/Header");
    render(<Header />);
    const before = page.disconnects;
    const link = screen.getByRole("link", { name: "Trunkline" });
    link.addEventListener("click", (event) => event.preventDefault()); // the test has no other page
    fireEvent.click(link, more);
    expect(link.getAttribute("href")).toBe("./?agentConfig=shop");
    return page.disconnects - before;
  };

  it("hangs up and starts afresh with the same scenario", async () => {
    expect(await click()).toBe(1);
  });

  it("keeps the call when it opens another tab", async () => {
    expect(await click({ ctrlKey: true })).toBe(0);
  });
});
