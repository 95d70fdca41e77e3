/** Tool runs in the transcript: one entry for each run, with its approval, progress and outcome. */

import type { LogFrame } from "../transport/frames";
import type { ApprovalNeeded, ApprovalResolved, ToolDone, ToolProgress, ToolStarted } from "../transport/log-events";
import type { Approval, CallState, ToolRun, TranscriptEntry } from "./call-state";
import { withDocuments } from "./cited-documents";

/** Add a tool run, or update the one that an approval request added. */
export function startTool(state: CallState, frame: LogFrame & ToolStarted): CallState {
  const index = indexOfRun(state.entries, frame.call_id);
  const known = state.entries[index];
  if (known?.type === "tool") {
    const run: ToolRun = { ...known, name: frame.name, agent: frame.agent, args: frame.arguments };
    return { ...state, entries: state.entries.with(index, run) };
  }
  const run: ToolRun = { ...emptyRun(frame), name: frame.name, agent: frame.agent, args: frame.arguments };
  if (frame.parent === undefined) return { ...state, entries: [...state.entries, run] };
  return { ...state, entries: insertBelow(state.entries, { ...run, parent: frame.parent }) };
}

export function addToolProgress(state: CallState, frame: LogFrame & ToolProgress): CallState {
  const step = { atMs: frame.at_ms, message: frame.message, fraction: frame.fraction ?? null };
  return updateRun(state, frame.call_id, (run) => ({ ...run, progress: [...run.progress, step] }));
}

/** Mark a tool run as waiting for the caller's approval. */
export function requestApproval(state: CallState, frame: LogFrame & ApprovalNeeded): CallState {
  const approval: Approval = { state: "pending", reason: null };
  const waiting: CallState = { ...state, pendingApprovals: [...state.pendingApprovals, frame.call_id] };
  if (indexOfRun(state.entries, frame.call_id) !== -1)
    return updateRun(waiting, frame.call_id, (run) => ({ ...run, approval }));
  const run: ToolRun = { ...emptyRun(frame), name: frame.name, agent: frame.agent, args: frame.arguments, approval };
  return { ...waiting, entries: [...state.entries, run] };
}

export function resolveApproval(state: CallState, frame: LogFrame & ApprovalResolved): CallState {
  const approval: Approval = { state: frame.approved ? "allowed" : "refused", reason: frame.reason ?? null };
  return updateRun(withoutPendingApproval(state, frame.call_id), frame.call_id, (run) => ({ ...run, approval }));
}

export function finishTool(state: CallState, frame: LogFrame & ToolDone): CallState {
  const outcome: NonNullable<ToolRun["outcome"]> = { durationMs: frame.duration_ms };
  if (frame.error !== undefined) outcome.error = frame.error;
  else outcome.result = frame.result ?? null;
  const documents = withDocuments(state.documents, frame.name, frame.result);
  const still = { ...withoutPendingApproval(state, frame.call_id), documents };
  if (indexOfRun(state.entries, frame.call_id) !== -1)
    return updateRun(still, frame.call_id, (run) => ({ ...run, outcome }));
  // The server replays only the newest part of a long log, so that the start may be missing.
  return { ...still, entries: [...state.entries, { ...emptyRun(frame), name: frame.name, outcome }] };
}

function emptyRun(frame: LogFrame & { call_id: string }): ToolRun {
  return {
    type: "tool",
    key: `e${frame.seq}`,
    seq: frame.seq,
    atMs: frame.at_ms,
    toolCallId: frame.call_id,
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

/** Insert a run below the run that caused it, behind its other runs. */
function insertBelow(entries: readonly TranscriptEntry[], run: ToolRun): TranscriptEntry[] {
  const index = indexOfRun(entries, run.parent ?? "");
  const parent = entries[index];
  if (parent?.type !== "tool") return [...entries, run];
  let place = index + 1;
  for (; place < entries.length; place += 1) {
    const next = entries[place];
    if (next?.type !== "tool" || next.depth <= parent.depth) break;
  }
  return entries.toSpliced(place, 0, { ...run, depth: parent.depth + 1 });
}

function indexOfRun(entries: readonly TranscriptEntry[], callId: string): number {
  return entries.findLastIndex((entry) => entry.type === "tool" && entry.toolCallId === callId);
}

function updateRun(state: CallState, callId: string, changed: (run: ToolRun) => ToolRun): CallState {
  const index = indexOfRun(state.entries, callId);
  const run = state.entries[index];
  return run?.type === "tool" ? { ...state, entries: state.entries.with(index, changed(run)) } : state;
}

function withoutPendingApproval(state: CallState, callId: string): CallState {
  return state.pendingApprovals.includes(callId)
    ? { ...state, pendingApprovals: state.pendingApprovals.filter((other) => other !== callId) }
    : state;
}
