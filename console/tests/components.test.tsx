// @vitest-environment happy-dom
import { cleanup, fireEvent, render, screen, within } from "@testing-library/preact";
import { afterEach, describe, expect, it } from "vitest";
import { Agents } from "../src/agents/Agents";
import {
  edges,
  GRAPH_WIDTH,
  graphHeight,
  isCrossed,
  NODE,
  nodePositions,
  pathBetween,
} from "../src/agents/agent-graph";
import { type CallState, emptyCall, type Message, type MessageMetrics, type ToolRun } from "../src/call/call-state";
import { reduce } from "../src/call/reducer";
import { Waiting, waitingWords } from "../src/call/Waiting";
import { Bubble } from "../src/transcript/Bubble";
import { CallMetrics } from "../src/transcript/CallMetrics";
import { TimelineEntry } from "../src/transcript/TimelineEntry";
import { asJson, asText } from "../src/transcript/transcript-text";
import type { AgentInfo, ScenarioInfo } from "../src/transport/api";
import type { LogFrame } from "../src/transport/frames";
import type { LogEvent, TurnWaiting } from "../src/transport/log-events";

afterEach(cleanup);

const agent = (name: string, handoffs: string[] = [], more: Partial<AgentInfo> = {}): AgentInfo => ({
  name,
  handoffs,
  handoff_description: null,
  tools: [],
  tool_details: [],
  guardrails: [],
  instructions: `You are ${name}.`,
  ...more,
});
const scenarioOf = (...agents: AgentInfo[]): ScenarioInfo => ({
  name: "s",
  title: "S",
  description: "",
  voice: null,
  things_to_say: [],
  guardrails: [],
  agents,
});

describe("an interrupted message", () => {
  const cut = (text: string): void => {
    const message: Message = {
      type: "message",
      key: "e1",
      seq: 1,
      atMs: 0,
      itemId: "a1",
      role: "assistant",
      agent: "host",
      spoken: true,
      hidden: false,
      text: "One two three.",
      status: "completed",
      heard: { ms: 900, text },
      phase: null,
      images: [],
    };
    render(<Bubble message={message} metrics={undefined} agents={["host"]} startedAt={null} />);
  };

  it("has a note if the caller missed words", () => {
    cut("One two");
    expect(screen.getByText(/Interrupted after/)).toBeTruthy();
  });

  it("has no note if the caller heard every word", () => {
    cut("One two three.");
    expect(screen.queryByText(/Interrupted/)).toBeNull();
  });
});

describe("a citation", () => {
  const documents = new Map([
    [
      "NT-010",
      { id: "NT-010", name: "Family Plan Policy", content: ["Two to five lines.", "<b>30</b>"], tool: "look" },
    ],
  ]);
  const say = (text: string): void => {
    const message: Message = {
      type: "message",
      key: "e1",
      seq: 1,
      atMs: 0,
      itemId: "a1",
      role: "assistant",
      agent: "host",
      spoken: true,
      hidden: false,
      text,
      status: "completed",
      heard: null,
      phase: null,
      images: [],
    };
    render(<Bubble message={message} metrics={undefined} agents={["host"]} startedAt={null} documents={documents} />);
  };

  it("is a chip that opens the document of a tool's result, and closes it", () => {
    say("It costs 30 dollars. [Family Plan](NT-010)");
    const chip = screen.getByRole("button", { name: "Family Plan" });
    expect([chip.getAttribute("aria-expanded"), chip.title]).toEqual(["false", "Document NT-010"]);
    fireEvent.click(chip);
    const panel = screen.getByRole("region", { name: "Document NT-010" });
    expect(chip.getAttribute("aria-controls")).toBe(panel.id);
    expect(within(panel).getByRole("heading").textContent).toBe("Family Plan Policy");
    expect(within(panel).getByText("Two to five lines.").tagName).toBe("P");
    expect(panel.textContent).toContain("from look");
    fireEvent.click(chip);
    expect(screen.queryByRole("region", { name: "Document NT-010" })).toBeNull();
  });

  it("shows the document's text as text", () => {
    say("[A](NT-010)");
    fireEvent.click(screen.getByRole("button", { name: "A" }));
    expect(screen.getByText("<b>30</b>")).toBeTruthy();
  });

  it.each(["[Handset Policy](NT-999)", "[click](javascript:alert(1))", "[A](toString)"])("stays text in %j", (text) => {
    say(text);
    expect(screen.queryByRole("button")).toBeNull();
    expect(screen.getByRole("article").textContent).toContain(text);
  });
});

describe("the caller's words", () => {
  const frames = [
    { kind: "speech.started", item_id: "u1" },
    { kind: "message.added", item_id: "u1", role: "user", spoken: true },
    { kind: "message.delta", item_id: "u1", text: "I want" },
    { kind: "message.delta", item_id: "u1", text: " a high" },
  ];
  const bubbleAfter = (...events: object[]): HTMLElement => {
    const call = events
      .map((event, index) => ({ seq: index + 1, at_ms: index, ...event }) as unknown as LogFrame)
      .reduce(reduce, emptyCall());
    const message = call.entries.find((entry) => entry.type === "message") as Message;
    render(<Bubble message={message} metrics={undefined} agents={[]} startedAt={null} />);
    return screen.getByRole("article");
  };

  it("stand in their bubble while they speak, marked as partial", () => {
    const bubble = bubbleAfter(...frames);
    expect(bubble.querySelector(".partial")?.textContent).toBe("I want a high");
  });

  it("are replaced by the final text, without the mark", () => {
    const bubble = bubbleAfter(...frames, {
      kind: "message.done",
      item_id: "u1",
      role: "user",
      text: "I want a haiku.",
    });
    expect(bubble.querySelector(".verbatim")?.textContent).toBe("I want a haiku.");
    expect(bubble.querySelector(".partial")).toBeNull();
  });
});

describe("the wait of a call", () => {
  const shown = (wait: Omit<TurnWaiting, "kind">): string | null => waitingWords({ kind: "turn.waiting", ...wait });

  it("is in words, with the names of tools and agents", () => {
    expect(shown({ for: "endpointing" })).toBe("Listening");
    expect(shown({ for: "model" })).toBe("Thinking");
    expect(shown({ for: "audio" })).toBe("Speaking");
    expect(shown({ for: "tools", tools: ["lookupOrders", "clock"] })).toBe("Waiting for lookupOrders, clock");
    expect(shown({ for: "approval", tools: ["pay"] })).toBe("Needs your permission: pay");
    expect(shown({ for: "handoff", agent: "poet" })).toBe("Transferring to poet");
    expect(shown({ for: "caller" })).toBeNull();
  });

  it("is announced if it may last long", () => {
    const { rerender } = render(<Waiting waiting={{ kind: "turn.waiting", for: "model" }} />);
    expect(screen.getByText("Thinking")).toBeTruthy();
    expect(screen.getByRole("status").textContent).toBe("");
    rerender(<Waiting waiting={{ kind: "turn.waiting", for: "tools", tools: ["weather"] }} />);
    expect(screen.getByRole("status").textContent).toBe("Waiting for weather");
  });
});

describe("the handoff graph", () => {
  it.each([1, 2, 3, 4, 5, 6, 7, 8])("places %i agents without overlap", (count) => {
    const places = nodePositions(count);
    expect(places).toHaveLength(count);
    for (const [index, a] of places.entries()) {
      expect(a.x).toBeGreaterThanOrEqual(NODE.width / 2);
      expect(a.x).toBeLessThanOrEqual(GRAPH_WIDTH - NODE.width / 2);
      expect(a.y + NODE.height / 2).toBeLessThanOrEqual(graphHeight(count));
      for (const b of places.slice(index + 1)) {
        expect(Math.abs(a.x - b.x) >= NODE.width || Math.abs(a.y - b.y) >= NODE.height).toBe(true);
      }
    }
  });

  it.each([2, 3, 4, 5, 6, 7, 8])("draws edges between %i agents around the others", (count) => {
    const places = nodePositions(count);
    for (let from = 0; from < count; from += 1) {
      for (let to = 0; to < count; to += 1) {
        if (from === to) continue;
        const points = pathBetween(places, from, to)
          .slice(1)
          .split("L")
          .map((point) => point.split(" ").map(Number));
        expect(points.length).toBeGreaterThan(10);
        for (const [x = 0, y = 0] of points) {
          const hit = places.findIndex(
            (node) => Math.abs(x - node.x) < NODE.width / 2 && Math.abs(y - node.y) < NODE.height / 2,
          );
          expect(`${from} to ${to} hits ${hit}`).toBe(`${from} to ${to} hits -1`);
        }
      }
    }
  });

  it("bows a short edge that another one crosses, around the other agents", () => {
    const places = nodePositions(4);
    const all = edges([agent("a", ["b", "c", "d"]), agent("b", ["c", "d"]), agent("c", ["d"]), agent("d")]);
    const crossed = all.filter((edge) => isCrossed(places, all, edge));
    expect(crossed).toEqual([{ from: 1, to: 3, forward: true, backward: false }]);
    const ys = pathBetween(places, 1, 3, true)
      .slice(1)
      .split("L")
      .map((point) => Number(point.split(" ")[1]));
    expect(Math.max(...ys) - Math.min(...ys)).toBeGreaterThan(10);
    expect(
      isCrossed(places, [{ from: 1, to: 3, forward: true, backward: true }], {
        from: 1,
        to: 3,
        forward: true,
        backward: true,
      }),
    ).toBe(false);
  });

  it("draws one edge for two agents, with an arrow for each direction", () => {
    expect(edges([agent("a", ["b", "c", "stranger", "a"]), agent("b", ["a"]), agent("c")])).toEqual([
      { from: 0, to: 1, forward: true, backward: true },
      { from: 0, to: 2, forward: true, backward: false },
    ]);
  });
});

describe("the agents region", () => {
  const tool = {
    name: "weigh",
    description: "How heavy a word is.",
    parameters: {
      properties: { word: { type: "string", description: "any word" }, unit: { enum: ["g", "kg"] } },
      required: ["word"],
    },
  };
  const shop = scenarioOf(
    agent("clerk", ["returns"], { tools: ["weigh"], tool_details: [tool] }),
    agent("returns", ["clerk"], { guardrails: ["moderation"] }),
  );

  it("marks the active agent and shows its definition until another is selected", () => {
    render(<Agents scenario={shop} current="clerk" live={true} handoffs={[]} />);
    const clerk = screen.getByRole("button", { name: "clerk" });
    expect(clerk.getAttribute("aria-current")).toBe("true");
    expect(screen.getByText("You are clerk.")).toBeTruthy();
    fireEvent.click(screen.getByRole("button", { name: "returns" }));
    expect(screen.getByText("You are returns.")).toBeTruthy();
    expect(screen.getByText("moderation")).toBeTruthy();
    fireEvent.click(screen.getByRole("button", { name: "returns" }));
    expect(screen.getByText("You are clerk.")).toBeTruthy();
  });

  it("shows tools with their arguments", () => {
    render(<Agents scenario={shop} current="clerk" live={false} handoffs={[]} />);
    const words = screen.getByRole("article", { name: "About clerk" }).textContent;
    expect(words).toContain("How heavy a word is.");
    expect(words).toContain("word stringany word");
    expect(words).toContain("unit g | kg, optional");
  });

  it("highlights the last handoff", () => {
    const { container } = render(
      <Agents scenario={shop} current="returns" live={true} handoffs={[{ from: "clerk", to: "returns", seq: 9 }]} />,
    );
    expect(container.querySelectorAll(".edge-last")).toHaveLength(1);
    expect(screen.getByText("1 handoff")).toBeTruthy();
  });
});

const message: Message = {
  type: "message",
  key: "e1",
  seq: 1,
  atMs: 0,
  itemId: "a1",
  role: "assistant",
  agent: "clerk",
  spoken: false,
  hidden: false,
  text: "Hello <b>there</b>",
  status: "completed",
  heard: null,
  phase: null,
  images: [],
};
const nothing: MessageMetrics = { checks: [], latency: null, usage: null };

describe("a message", () => {
  it("has a placeholder for speech without a transcript", () => {
    render(
      <Bubble
        message={{ ...message, role: "user", text: "", status: "interrupted" }}
        metrics={undefined}
        agents={[]}
        startedAt={0}
      />,
    );
    expect(screen.getByText("[not recognised]")).toBeTruthy();
  });

  it("never renders its text as HTML", () => {
    const { container } = render(
      <Bubble message={{ ...message, role: "user" }} metrics={undefined} agents={[]} startedAt={0} />,
    );
    expect(container.querySelector("b")).toBeNull();
    expect(container.textContent).toContain("Hello <b>there</b>");
  });

  it.each([
    ["pending", "Pending"],
    ["pass", "Pass"],
    ["fail", "Fail"],
    ["error", "Error"],
  ] as const)("has a chip for a guardrail with status %s that expands to the reasons", (status, word) => {
    const check = {
      guardrail: "moderation",
      status,
      category: "VIOLENCE",
      rationale: "It threatens.",
      text: "or else",
      durationMs: 120,
    };
    render(<Bubble message={message} metrics={{ ...nothing, checks: [check] }} agents={[]} startedAt={0} />);
    const chip = screen.getByRole("button", { name: new RegExp(word) });
    expect(screen.queryByText("It threatens.")).toBeNull();
    fireEvent.click(chip);
    expect(chip.getAttribute("aria-expanded")).toBe("true");
    for (const words of ["VIOLENCE", "It threatens.", "or else", "120 ms"])
      expect(screen.getByText(words)).toBeTruthy();
  });

  it("shows its latency and cost, with the breakdown on a click", () => {
    const turn = {
      totalMs: 640,
      parts: [
        { name: "end_of_turn", ms: 500 },
        { name: "model", ms: 140 },
      ],
      after: "speech",
      toolMs: 0,
      guardrailMs: 30,
    } as const;
    const usage = { tokens: { input_text: 1200, output_audio: 34 }, seconds: 0, cost: 0.0042 };
    render(<Bubble message={message} metrics={{ checks: [], latency: turn, usage }} agents={[]} startedAt={0} />);
    const button = screen.getByRole("button", { name: /^Wait 640 ms\s+used \$0\.0042$/ });
    fireEvent.click(button);
    for (const words of [
      "end of turn",
      "500 ms",
      "140 ms",
      "of which guardrails",
      "30 ms",
      "1,200 tokens",
      "34 tokens",
    ])
      expect(screen.getByText(words)).toBeTruthy();
  });
});

it("shows no metrics for a message without latency and cost", () => {
  const usage = { tokens: {}, seconds: 2, cost: null };
  render(<Bubble message={message} metrics={{ ...nothing, usage }} agents={[]} startedAt={0} />);
  expect(screen.queryByRole("button")).toBeNull();
});

describe("an entry between messages", () => {
  const run: ToolRun = {
    type: "tool",
    key: "e2",
    seq: 2,
    atMs: 5,
    toolCallId: "c",
    name: "checkout",
    agent: "clerk",
    args: { item: 7 },
    parent: null,
    depth: 0,
    progress: [],
    approval: null,
    outcome: null,
  };

  it("shows the progress of a tool", () => {
    render(
      <TimelineEntry
        entry={{ ...run, progress: [{ atMs: 40, message: "Asking the bank", fraction: 0.25 }] }}
        scenario={undefined}
        agents={[]}
        startedAt={0}
      />,
    );
    expect(screen.getByText("Asking the bank")).toBeTruthy();
    expect(screen.getByRole("progressbar").getAttribute("value")).toBe("0.25");
  });

  it("keeps the progress messages of a tool after its end", () => {
    const progress = [
      { atMs: 40, message: "Asking the bank", fraction: 0.25 },
      { atMs: 60, message: "Waiting for the bank", fraction: null },
    ];
    render(
      <TimelineEntry
        entry={{ ...run, progress, outcome: { durationMs: 90, result: "paid" } }}
        scenario={undefined}
        agents={[]}
        startedAt={null}
      />,
    );
    const steps = within(screen.getByRole("list", { name: "Progress of checkout" })).getAllByRole("listitem");
    expect(steps.map((step) => step.textContent)).toEqual(["Asking the bank25%0:00", "Waiting for the bank0:00"]);
    expect(screen.queryByRole("progressbar")).toBeNull();
  });

  it("expands to a tool's arguments, permission and result", () => {
    const finished: ToolRun = {
      ...run,
      approval: { state: "refused", reason: "no answer" },
      outcome: { durationMs: 3, error: "Not allowed." },
    };
    render(<TimelineEntry entry={finished} scenario={undefined} agents={[]} startedAt={0} />);
    fireEvent.click(screen.getByRole("button"));
    expect(screen.getByText("refused: no answer")).toBeTruthy();
    expect(screen.getByText("Not allowed.")).toBeTruthy();
  });

  it("expands to the definition of a handoff's target", () => {
    const change = {
      type: "agent",
      key: "e3",
      seq: 3,
      atMs: 9,
      agent: "returns",
      previous: "clerk",
      reason: null,
    } as const;
    render(
      <TimelineEntry
        entry={change}
        scenario={scenarioOf(agent("clerk"), agent("returns"))}
        agents={["clerk", "returns"]}
        startedAt={0}
      />,
    );
    fireEvent.click(screen.getByRole("button"));
    expect(screen.getByText("You are returns.")).toBeTruthy();
  });
});

describe("the call's metrics", () => {
  it("show the median latency and the cost, and details when expanded", async () => {
    const call: CallState = {
      ...emptyCall(),
      turns: [300, 900, 500].map((totalMs, seq) => ({
        itemId: `a${seq}`,
        seq,
        atMs: 0,
        totalMs,
        parts: [],
        after: "speech",
        toolMs: 0,
        guardrailMs: 0,
      })),
      lastAtMs: 65_000,
      usage: { tokens: { input_text: 2000 }, seconds: 31.5, cost: 1.5 },
    };
    render(<CallMetrics call={call} />);
    const summary = screen.getByTitle("The call in figures");
    expect(summary.textContent).toContain("500 ms");
    expect(summary.textContent).toContain("$1.50");
    const details = summary.closest("details") as HTMLDetailsElement;
    expect(within(details).queryByText("maximum")).toBeNull();
    details.open = true;
    fireEvent(details, new Event("toggle"));
    expect((await within(details).findByText("maximum")).nextSibling?.textContent).toBe("900 ms");
    expect(within(details).getByText("Audio transcribed").nextSibling?.textContent).toBe("31.5 s");
  });

  it("are hidden without measurements", () => {
    expect(render(<CallMetrics call={emptyCall()} />).container.textContent).toBe("");
  });
});

describe("the exported conversation", () => {
  const events: LogEvent[] = [
    {
      kind: "call.started",
      call_id: "call_1",
      scenario: "s",
      agent: "clerk",
      transport: "websocket",
      provider: "local",
      model: "s",
      started_at: "2026-05-01T10:00:00.250Z",
    },
    { kind: "message.added", item_id: "u0", role: "user", hidden: true },
    { kind: "message.done", item_id: "u0", role: "user", text: "hi" },
    { kind: "message.added", item_id: "a1", role: "assistant", agent: "clerk" },
    { kind: "message.done", item_id: "a1", role: "assistant", text: "Good day to you", status: "interrupted" },
    { kind: "message.truncated", item_id: "a1", heard_ms: 300, text: "Good day" },
    { kind: "tool.started", call_id: "c", name: "look", arguments: { n: 1 }, agent: "clerk" },
    { kind: "tool.progress", call_id: "c", message: "Looking" },
    { kind: "tool.done", call_id: "c", name: "look", duration_ms: 12, result: [2] },
    { kind: "message.added", item_id: "u1", role: "user" },
    { kind: "message.done", item_id: "u1", role: "user", text: "", status: "inaudible" },
    { kind: "agent.changed", agent: "returns", previous: "clerk" },
    { kind: "message.added", item_id: "u2", role: "user", spoken: true },
    { kind: "call.ended", reason: "hung up" },
  ];
  const call = events
    .map((event, index): LogFrame => ({ seq: index + 1, at_ms: index, ...event }))
    .reduce(reduce, emptyCall());

  it("as text has speakers, messages, heard parts and events", () => {
    const lines = asText(call, "You")
      .trimEnd()
      .split("\n")
      .map((line) => line.replace(/^\[[^\]]+\] /, ""));
    expect(lines).toEqual([
      "Call started",
      "clerk: Good day to you [heard: Good day]",
      'look({"n":1}) → [2] (12 ms)',
      "  Looking",
      "You: [inaudible]",
      "clerk hands over to returns",
      "You: [not recognised] [interrupted]",
      "Call ended: hung up",
    ]);
  });

  it("as text does not repeat a message of which every word was heard", () => {
    const heard = call.events.length + 1;
    const frame: LogFrame = {
      seq: heard,
      at_ms: heard,
      kind: "message.truncated",
      item_id: "a1",
      heard_ms: 900,
      text: "Good day to you",
    };
    expect(asText(reduce(call, frame), "You")).toMatch(/clerk: Good day to you$/m);
  });

  it("as JSON has every event", () => {
    const saved = JSON.parse(asJson(call)) as {
      call_id: string;
      started_at: string;
      transcript: unknown[];
      events: LogFrame[];
    };
    expect(saved).toMatchObject({ call_id: "call_1", started_at: "2026-05-01T10:00:00.250Z" });
    expect(saved.events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
    expect(saved.transcript).toHaveLength(7);
  });
});
