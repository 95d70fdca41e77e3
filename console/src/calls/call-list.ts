/** The list of stored calls: its parts from the server, and the running calls on top, which are updated. */
import { batch, type ReadonlySignal, signal } from "@preact/signals";
import { ApiError } from "../transport/api";
import { type CallFilters, requestOf } from "./call-filters";
import type { CallSummary } from "./calls-api";
import * as api from "./calls-api";

export type ListPhase =
  | { name: "loading" }
  | { name: "ready" }
  /** The server does not store calls, or this reader may not see them. */
  | { name: "no-store"; message: string }
  | { name: "not-operator"; message: string }
  | { name: "failed"; message: string };

/** The state of the next part: `failed` leaves a partial list, with the reason. */
export type MorePhase = { name: "idle" } | { name: "loading" } | { name: "failed"; message: string };

export class CallListModel {
  private readonly phaseNow = signal<ListPhase>({ name: "loading" });
  private readonly moreNow = signal<MorePhase>({ name: "idle" });
  private readonly callsNow = signal<readonly CallSummary[]>([]);
  private readonly liveNow = signal<readonly CallSummary[]>([]);
  private readonly nextNow = signal<string | null>(null);
  private readonly staleNow = signal<string | null>(null);
  private filters: URLSearchParams = new URLSearchParams();
  /** Counts the loads, so that an answer to outdated filters is dropped. */
  private load_ = 0;

  readonly phase: ReadonlySignal<ListPhase> = this.phaseNow;
  readonly more: ReadonlySignal<MorePhase> = this.moreNow;
  /** Newest first. */
  readonly calls: ReadonlySignal<readonly CallSummary[]> = this.callsNow;
  readonly live: ReadonlySignal<readonly CallSummary[]> = this.liveNow;
  /** The cursor of the next part; null at the end. */
  readonly next: ReadonlySignal<string | null> = this.nextNow;
  /** The reason why the list could not be updated; null if it is current. */
  readonly stale: ReadonlySignal<string | null> = this.staleNow;

  constructor(private readonly list: typeof api.listCalls = api.listCalls) {}

  /** Show the calls that pass the filters. */
  async load(filters: CallFilters): Promise<void> {
    this.load_ += 1;
    const load = this.load_;
    this.filters = requestOf(filters);
    this.phaseNow.value = { name: "loading" };
    this.moreNow.value = { name: "idle" };
    try {
      const { calls, next, live = [] } = await this.list(this.filters, null);
      if (load !== this.load_) return;
      batch(() => {
        this.callsNow.value = withoutLive(calls);
        this.liveNow.value = live;
        this.nextNow.value = next;
        this.staleNow.value = null;
        this.phaseNow.value = { name: "ready" };
      });
    } catch (error) {
      if (load === this.load_) this.phaseNow.value = phaseOfError(error);
    }
  }

  /** Load the next part, if there is one. */
  async loadMore(): Promise<void> {
    const cursor = this.nextNow.peek();
    if (cursor === null || this.moreNow.peek().name === "loading" || this.phaseNow.peek().name !== "ready") return;
    const load = this.load_;
    this.moreNow.value = { name: "loading" };
    try {
      const { calls, next } = await this.list(this.filters, cursor);
      if (load !== this.load_) return;
      batch(() => {
        this.callsNow.value = appended(this.callsNow.peek(), withoutLive(calls));
        this.nextNow.value = next;
        this.moreNow.value = { name: "idle" };
      });
    } catch (error) {
      if (load === this.load_) this.moreNow.value = { name: "failed", message: messageOf(error) };
    }
  }

  /** Update the running calls, and add the calls that have ended meanwhile. */
  async refresh(): Promise<void> {
    if (this.phaseNow.peek().name !== "ready") return;
    const load = this.load_;
    try {
      const { calls, live = [] } = await this.list(this.filters, null);
      if (load !== this.load_) return;
      batch(() => {
        this.callsNow.value = refreshed(this.callsNow.peek(), withoutLive(calls));
        this.liveNow.value = live;
        this.staleNow.value = null;
      });
    } catch (error) {
      if (load === this.load_) this.staleNow.value = messageOf(error);
    }
  }

  /** Delete a call on the server, then from the list. */
  async delete(callId: string): Promise<void> {
    await api.deleteCall(callId);
    this.callsNow.value = this.callsNow.peek().filter((call) => call.call_id !== callId);
  }

  /** Delete all stored calls. */
  async deleteAll(): Promise<void> {
    await api.deleteAllCalls();
    batch(() => {
      this.callsNow.value = [];
      this.nextNow.value = null;
    });
  }
}

function withoutLive(calls: readonly CallSummary[]): CallSummary[] {
  return calls.filter((call) => !call.live);
}

/** Return a list with a next part; a call that both contain stays where it was. */
export function appended(calls: readonly CallSummary[], part: readonly CallSummary[]): CallSummary[] {
  const known = new Set(calls.map((call) => call.call_id));
  return [...calls, ...part.filter((call) => !known.has(call.call_id))];
}

/** Return a list with its first part renewed: calls that are newer than it come on top, and others are replaced. */
export function refreshed(calls: readonly CallSummary[], first: readonly CallSummary[]): CallSummary[] {
  const renewed = new Map(first.map((call) => [call.call_id, call]));
  const known = new Set(calls.map((call) => call.call_id));
  const added = first.filter((call) => !known.has(call.call_id));
  const all = [...added, ...calls.map((call) => renewed.get(call.call_id) ?? call)];
  return added.length === 0 ? all : all.toSorted((a, b) => Date.parse(b.started_at) - Date.parse(a.started_at));
}

function phaseOfError(error: unknown): ListPhase {
  const message = messageOf(error);
  if (error instanceof ApiError && error.code === "no_store") return { name: "no-store", message };
  if (error instanceof ApiError && error.status === 403) return { name: "not-operator", message };
  return { name: "failed", message };
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
