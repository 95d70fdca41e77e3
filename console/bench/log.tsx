/** Benchmark of the console's event log beside a plain list that renders every event. */
import { signal } from "@preact/signals";
import { render, type VNode } from "preact";
import { emptyCall } from "../src/call/call-state";
import { reduce } from "../src/call/reducer";
import { EventLog } from "../src/event-log/EventLog";
import { EventRow } from "../src/event-log/EventRow";
import type { EventList } from "../src/event-log/event-list";
import type { LogFrame } from "../src/transport/frames";
import "../../src/trunkline/web/pages/tokens.css";
import "../src/ui/theme.css";
import "../src/ui/page.css";
import "../src/ui/controls.css";
import "../src/transcript/transcript.css";
import "../src/transcript/metrics.css";
import "../src/event-log/event-log.css";

export interface Figures {
  events: number;
  /** Time in ms from the first burst until the last was rendered. */
  tookMs: number;
  /** Script time for each event in ms, reducer and rendering: the medians of the first and last tenth of the bursts. */
  firstMs: number;
  lastMs: number;
  /** Times between animation frames in ms. */
  frames: number[];
  elements: number;
}

const calls = signal(emptyCall());
const nothing = (): void => undefined;

function Plain({ events }: { events: EventList }): VNode {
  const rows: VNode[] = [];
  for (let index = 0; index < events.length; index += 1) {
    const event = events.at(index);
    if (!event) continue;
    rows.push(
      <EventRow
        key={event.seq}
        id={`plain-${event.seq}`}
        event={event}
        index={index}
        nested={false}
        startedAt={0}
        open={false}
        active={false}
        pair={undefined}
        highlighted={false}
        moment=""
        toggle={nothing}
        onHeight={nothing}
        callId={null}
      />,
    );
  }
  return (
    <section class="event-log">
      <div class="scroll">{rows}</div>
    </section>
  );
}

function Shown({ how }: { how: "virtual" | "plain" }): VNode {
  const { events, startedAt } = calls.value;
  return how === "virtual" ? (
    <EventLog events={events} callId={null} startedAt={startedAt} ended={false} />
  ) : (
    <Plain events={events} />
  );
}

/** Return an event of a typical call: many deltas, some tools, raw events. */
function frame(seq: number): LogFrame {
  const at = { seq, at_ms: seq * 10 };
  if (seq % 50 === 1)
    return { ...at, kind: "tool.started", call_id: `c${seq}`, name: "look", arguments: { n: seq }, agent: "clerk" };
  if (seq % 50 === 2)
    return { ...at, kind: "tool.done", call_id: `c${seq - 1}`, name: "look", duration_ms: 12, result: { found: seq } };
  const event = { type: "response.output_audio_transcript.delta", item_id: "item_1", delta: ` word${seq}` };
  if (seq % 2 === 0) return { ...at, kind: "wire.received", event };
  return { ...at, kind: "message.delta", item_id: "item_1", text: ` word${seq}` };
}

const nextFrame = (): Promise<number> => new Promise((resolve) => requestAnimationFrame(resolve));
const median = (values: number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0;

/** Feed one burst for each animation frame until `total` events are there. */
async function feed(how: "virtual" | "plain", total: number, burst: number): Promise<Figures> {
  const root = document.getElementById("log");
  if (!root) throw new Error("The page has no element #log: open bench/index.html.");
  root.style.cssText = "display:grid;height:900px;width:560px";
  render(<Shown how={how} />, root);
  const script: number[] = [];
  const frames: number[] = [];
  const began = performance.now();
  let before = await nextFrame();
  for (let seq = 1; seq <= total; seq += burst) {
    const start = performance.now();
    const some = Array.from({ length: Math.min(burst, total - seq + 1) }, (_, index) => frame(seq + index));
    calls.value = some.reduce(reduce, calls.peek());
    // Preact renders in a microtask; then the list scrolls to its end, which reads the layout.
    await Promise.resolve();
    await new Promise((resolve) => queueMicrotask(() => resolve(undefined)));
    script.push((performance.now() - start) / some.length);
    const now = await nextFrame();
    frames.push(now - before);
    before = now;
  }
  await nextFrame();
  const tenth = Math.max(1, Math.floor(script.length / 10));
  return {
    events: calls.peek().events.length,
    tookMs: performance.now() - began,
    firstMs: median(script.slice(0, tenth)),
    lastMs: median(script.slice(-tenth)),
    frames,
    elements: root.querySelectorAll("*").length,
  };
}

declare global {
  interface Window {
    feed: typeof feed;
  }
}
window.feed = feed;
