/** A stored call on the page: its summary and log from the server, its player and its notes. */
import { batch, type ReadonlySignal, signal } from "@preact/signals";
import { ApiError } from "../transport/api";
import type { LogFrame } from "../transport/frames";
import { messageOf } from "./call-list";
import { CallReplay } from "./call-replay";
import type { CallNote, StoredCall } from "./calls-api";
import * as api from "./calls-api";
import { type Mark, marksOf } from "./moments";
import { Player } from "./player";

export interface LoadedCall {
  summary: StoredCall;
  frames: readonly LogFrame[];
  replay: CallReplay;
  player: Player;
  marks: readonly Mark[];
  /** Sentences about missing parts of the call. */
  gaps: readonly string[];
}

export type StoredCallPhase =
  | { name: "loading" }
  | { name: "ready"; call: LoadedCall }
  /** The call runs: it is watched as by a viewer. */
  | { name: "live"; summary: StoredCall }
  | { name: "unknown" }
  | { name: "no-store"; message: string }
  | { name: "not-operator"; message: string }
  | { name: "failed"; message: string };

const END_ATTEMPTS = 15;
const END_PAUSE_MS = 200;

export class StoredCallModel {
  private readonly phaseNow = signal<StoredCallPhase>({ name: "loading" });
  private readonly notesNow = signal<readonly CallNote[]>([]);

  readonly phase: ReadonlySignal<StoredCallPhase> = this.phaseNow;
  /** In the order of their moments. */
  readonly notes: ReadonlySignal<readonly CallNote[]> = this.notesNow;

  constructor(readonly callId: string) {}

  /**
   * Load the call; both requests run at once.
   *
   * @param ended The call was watched to its end, which the store writes a moment later.
   */
  async load({ ended = false } = {}): Promise<void> {
    this.phaseNow.value = { name: "loading" };
    const early = ended ? null : api.readLog(this.callId);
    early?.catch(() => undefined); // reported below, unless the summary failed first
    try {
      const summary = await this.summary(ended ? END_ATTEMPTS : 1);
      if (summary.live) {
        this.phaseNow.value = { name: "live", summary };
        return;
      }
      const { frames, complete } = await (early ?? api.readLog(this.callId));
      const call = loadedCall(summary, frames, complete);
      batch(() => {
        this.notesNow.value = inOrder(summary.notes);
        this.phaseNow.value = { name: "ready", call };
      });
    } catch (error) {
      this.phaseNow.value = phaseOfError(error);
    }
  }

  /** Return the summary, after several attempts while the call still counts as running. */
  private async summary(attempts: number): Promise<StoredCall> {
    const summary = await api.getCall(this.callId);
    if (!summary.live || attempts === 1) return summary;
    await new Promise((done) => setTimeout(done, END_PAUSE_MS));
    return this.summary(attempts - 1);
  }

  async addNote(atMs: number, seq: number | null, text: string): Promise<void> {
    const note = await api.addNote(this.callId, { at_ms: Math.round(atMs), ...(seq !== null && { seq }), text });
    this.notesNow.value = inOrder([...this.notesNow.peek(), note]);
  }

  async deleteNote(noteId: string): Promise<void> {
    await api.deleteNote(this.callId, noteId);
    this.notesNow.value = this.notesNow.peek().filter((note) => note.note_id !== noteId);
  }
}

export function loadedCall(summary: StoredCall, read: readonly LogFrame[], complete: boolean): LoadedCall {
  const frames = summary.mode === "metadata" ? read.map(withoutWords) : read;
  const replay = new CallReplay(frames);
  return {
    summary,
    frames,
    replay,
    player: new Player(replay, summary.audio),
    marks: marksOf(frames),
    gaps: gapsOf(summary, complete),
  };
}

/** Return sentences about the parts of a call that are missing. */
export function gapsOf(summary: StoredCall, complete: boolean): string[] {
  const { status, mode, lost_events = 0 } = summary;
  const gaps: string[] = [];
  if (!complete) gaps.push("The connection broke, so the end of the log is missing. Reload the page.");
  if (status === "interrupted") gaps.push("The server stopped during this call. The log ends there.");
  if (lost_events > 0) gaps.push(`The store could not keep ${lost_events} of the call's events.`);
  if (mode === "metadata") gaps.push("This server stores metadata: the words and the tools' payloads were not kept.");
  if (mode === "redacted") gaps.push("This call is redacted: sensitive words and the raw events were not kept.");
  return gaps;
}

/** In place of words that were not stored. */
const NOT_STORED = "[words not stored]";

function withoutWords(frame: LogFrame): LogFrame {
  return frame.kind === "message.done" && frame.text === "" && frame.status !== "inaudible"
    ? { ...frame, text: NOT_STORED }
    : frame;
}

function inOrder(notes: readonly CallNote[]): CallNote[] {
  return notes.toSorted((a, b) => a.at_ms - b.at_ms);
}

function phaseOfError(error: unknown): StoredCallPhase {
  const message = messageOf(error);
  if (!(error instanceof ApiError)) return { name: "failed", message };
  if (error.code === "no_store") return { name: "no-store", message };
  if (error.status === 403) return { name: "not-operator", message };
  return error.status === 404 ? { name: "unknown" } : { name: "failed", message };
}
