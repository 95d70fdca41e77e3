/** Tools in the transcript: one entry for each run, from its start to its end, with what happens in between. */
import type { Approval, CallState, Entry, ToolRun } from "./call-state";
import type { LogFrame } from "../transport/frames";
import type { ApprovalResolved, ApprovalNeeded, ToolDone, ToolProgress, ToolStarted } from "../transport/log-events";

/** A run that begins. One that was asked about before is there already. */
export function startTool(state: CallState, frame: LogFrame & ToolStarted): CallState {
  const index = indexOf(state.entries, frame.call_id);
  const known = state.entries[index];
  if (known?.type === "tool") {
    const run: ToolRun = { ...known, name: frame.name, agent: frame.agent, args: frame.arguments };
    return { ...state, entries: state.entries.with(index, run) };
  }
  const run: ToolRun = { ...emptyRun(frame), name: frame.name, agent: frame.agent, args: frame.arguments };
  if (frame.parent === undefined) return { ...state, entries: [...state.entries, run] };
  return { ...state, entries: insertBelow(state.entries, { ...run, parent: frame.parent }) };
}

export function progressTool(state: CallState, frame: LogFrame & ToolProgress): CallState {
  const step = { atMs: frame.at_ms, message: frame.message, fraction: frame.fraction ?? null };
  return change(state, frame.call_id, (run) => ({ ...run, progress: [...run.progress, step] }));
}

/** A run that waits for the caller's word. */
export function askForTool(state: CallState, frame: LogFrame & ApprovalNeeded): CallState {
  const approval: Approval = { state: "asked", reason: null };
  const asked = { ...state, asking: [...state.asking, frame.call_id] };
  if (indexOf(state.entries, frame.call_id) !== -1) return change(asked, frame.call_id, (run) => ({ ...run, approval }));
  const run: ToolRun = { ...emptyRun(frame), name: frame.name, agent: frame.agent, args: frame.arguments, approval };
  return { ...asked, entries: [...state.entries, run] };
}

export function answerForTool(state: CallState, frame: LogFrame & ApprovalResolved): CallState {
  const approval: Approval = { state: frame.approved ? "allowed" : "refused", reason: frame.reason ?? null };
  return change(notAsking(state, frame.call_id), frame.call_id, (run) => ({ ...run, approval }));
}

export function finishTool(state: CallState, frame: LogFrame & ToolDone): CallState {
  const outcome: NonNullable<ToolRun["outcome"]> = { durationMs: frame.duration_ms };
  if (frame.error !== undefined) outcome.error = frame.error;
  else outcome.result = frame.result ?? null;
  const still = notAsking(state, frame.call_id);
  if (indexOf(state.entries, frame.call_id) !== -1) return change(still, frame.call_id, (run) => ({ ...run, outcome }));
  // Only the newest part of a long log is replayed: the start may be missing.
  return { ...still, entries: [...state.entries, { ...emptyRun(frame), name: frame.name, outcome }] };
}

function emptyRun(frame: LogFrame & { call_id: string }): ToolRun {
  return {
    type: "tool",
    key: `e${frame.seq}`,
    seq: frame.seq,
    atMs: frame.at_ms,
    callId: frame.call_id,
    name: "",
    agent: "",
    args: undefined,
    parent: null,
    depth: 0,
    progress: [],
    approval: null,
    outcome: null,
  };
}

/** Below the run on whose behalf it is, and below those that stand there already. */
function insertBelow(entries: readonly Entry[], run: ToolRun): Entry[] {
  const index = indexOf(entries, run.parent ?? "");
  const parent = entries[index];
  if (parent?.type !== "tool") return [...entries, run];
  let place = index + 1;
  for (; place < entries.length; place += 1) {
    const next = entries[place];
    if (next?.type !== "tool" || next.depth <= parent.depth) break;
  }
  return entries.toSpliced(place, 0, { ...run, depth: parent.depth + 1 });
}

function indexOf(entries: readonly Entry[], callId: string): number {
  return entries.findLastIndex((entry) => entry.type === "tool" && entry.callId === callId);
}

function change(state: CallState, callId: string, changed: (run: ToolRun) => ToolRun): CallState {
  const index = indexOf(state.entries, callId);
  const run = state.entries[index];
  return run?.type === "tool" ? { ...state, entries: state.entries.with(index, changed(run)) } : state;
}

function notAsking(state: CallState, callId: string): CallState {
  return state.asking.includes(callId) ? { ...state, asking: state.asking.filter((other) => other !== callId) } : state;
}
