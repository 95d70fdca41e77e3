/** A log of a long call, for tests and measurements: turns of both voices, tools, handoffs, latency and raw events. */
import type { LogFrame } from "../../src/transport/frames";
import type { LogEvent } from "../../src/transport/log-events";

const AGENTS = ["clerk", "returns", "sales"];
const WORDS = "the blue board is on sale this week and it comes with a pair of bindings for the snow".split(" ");

/** Return a log of this many events, about 180 ms apart. */
export function longCall(events: number, durationMs = 180 * events): LogFrame[] {
  const made: LogEvent[] = [
    {
      kind: "call.started",
      call_id: "call_long",
      scenario: "shop",
      agent: "clerk",
      transport: "webrtc",
      provider: "local",
      model: "shop",
      started_at: "2026-05-01T10:00:00.000Z",
    },
    { kind: "link.up", model: "shop" },
    { kind: "agent.changed", agent: "clerk" },
  ];
  for (let turn = 0; made.length < events - 1; turn += 1) made.push(...turnEvents(turn));
  made.length = events - 1;
  made.push({ kind: "call.ended", reason: "the caller hung up" });
  return made.map(
    (event, index): LogFrame => ({
      seq: index + 1,
      at_ms: Math.round((durationMs * index) / (events - 1)),
      ...event,
    }),
  );
}

function turnEvents(turn: number): LogEvent[] {
  const [user, agent] = [`u${turn}`, `a${turn}`];
  const name = AGENTS[Math.floor(turn / 7) % AGENTS.length] ?? "clerk";
  const next = AGENTS[(Math.floor(turn / 7) + 1) % AGENTS.length] ?? "clerk";
  const words = WORDS.slice(turn % 5);
  const tokens = { input_audio: 120, output_audio: 200 };
  return [
    { kind: "speech.started", item_id: user },
    { kind: "speech.stopped", item_id: user },
    { kind: "turn.waiting", for: "model" },
    { kind: "message.added", item_id: user, role: "user", spoken: true },
    { kind: "message.done", item_id: user, role: "user", text: `I would like ${words.slice(0, 6).join(" ")}` },
    ...(turn % 5 === 2
      ? ([
          { kind: "tool.started", call_id: `t${turn}`, name: "lookUp", arguments: { turn }, agent: name },
          { kind: "tool.done", call_id: `t${turn}`, name: "lookUp", duration_ms: 300, result: { found: turn } },
        ] satisfies LogEvent[])
      : []),
    { kind: "message.added", item_id: agent, role: "assistant", agent: name, spoken: true },
    { kind: "audio.started", item_id: agent },
    {
      kind: "turn.latency",
      item_id: agent,
      total_ms: 700 + 10 * (turn % 40),
      parts: [
        { name: "endpointing", ms: 300 },
        { name: "model", ms: 400 + 10 * (turn % 40) },
      ],
      after: "speech",
    },
    ...words.map((word): LogEvent => ({ kind: "message.delta", item_id: agent, text: `${word} ` })),
    { kind: "wire.received", event: { type: "response.done", response: { status: "completed" } } },
    { kind: "message.done", item_id: agent, role: "assistant", text: words.join(" ") },
    { kind: "audio.done", item_id: agent, ms: 2400 },
    { kind: "usage.updated", source: "response", model: "shop", item_id: agent, tokens, total: tokens },
    ...(turn % 7 === 6 ? ([{ kind: "agent.changed", agent: next, previous: name }] satisfies LogEvent[]) : []),
  ];
}
