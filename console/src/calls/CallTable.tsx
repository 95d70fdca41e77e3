/** Table of calls: the running ones, then the stored ones. */
import { type ReadonlySignal, useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { count } from "../ui/numbers";
import { CallRow } from "./CallRow";
import type { CallListModel } from "./call-list";
import type { CallSummary } from "./calls-api";

const COLUMNS = [
  "When",
  "Scenario",
  "Duration",
  "Turns",
  "Outcome",
  "Cost",
  "Slowest turn",
  "Trips",
  "Errors",
] as const;
const NUMBERS: ReadonlySet<string> = new Set(["Duration", "Turns", "Cost", "Slowest turn", "Trips", "Errors"]);
const SKELETON_ROWS = 8;

interface CallTableProps {
  calls: readonly CallSummary[];
  live: readonly CallSummary[];
  query: string;
  onDelete: (call: CallSummary) => void;
  loading?: boolean;
}

export function CallTable({ calls, live, query, onDelete, loading = false }: CallTableProps): VNode {
  const now = useClock();
  // A stable function, so that a row renders again only when its call changes.
  const remove = useRef(onDelete);
  remove.current = onDelete;
  const stable = useRef((call: CallSummary) => remove.current(call));
  const rows = (all: readonly CallSummary[]): VNode[] =>
    all.map((call) => <CallRow key={call.call_id} call={call} query={query} now={now} onDelete={stable.current} />);
  return (
    <table class="calls-table" aria-label="Calls">
      <thead class="calls-head">
        <tr>
          {COLUMNS.map((name) => (
            <th key={name} scope="col" class={NUMBERS.has(name) ? "call-number" : undefined}>
              {name}
            </th>
          ))}
          <th scope="col">
            <span class="visually-hidden">Actions</span>
          </th>
        </tr>
      </thead>
      {live.length > 0 && (
        <tbody class="calls-live">
          <tr class="calls-group">
            <th scope="rowgroup" colSpan={COLUMNS.length + 1}>
              Live now <span class="count">{count(live.length)}</span>
            </th>
          </tr>
          {rows(live)}
        </tbody>
      )}
      <tbody>
        {live.length > 0 && calls.length > 0 && (
          <tr class="calls-group">
            <th scope="rowgroup" colSpan={COLUMNS.length + 1}>
              Stored
            </th>
          </tr>
        )}
        {loading ? Array.from({ length: SKELETON_ROWS }, (_, index) => <Skeleton key={index} />) : rows(calls)}
      </tbody>
    </table>
  );
}

function Skeleton(): VNode {
  return (
    <tr class="call-row call-skeleton">
      {[...COLUMNS, ""].map((name) => (
        <td key={name}>
          <span />
        </td>
      ))}
    </tr>
  );
}

/** Return the time in ms, which grows each second. */
function useClock(): ReadonlySignal<number> {
  const now = useSignal(Date.now());
  useEffect(() => {
    const timer = setInterval(() => (now.value = Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  return now;
}

/** The end of the list, which loads the next part as soon as it is near. */
export function LoadMore({ model }: { model: CallListModel }): VNode {
  const end = useRef<HTMLDivElement>(null);
  const next = model.next.value;
  const more = model.more.value;
  useEffect(() => {
    const element = end.current;
    if (element === null || next === null || more.name !== "idle") return undefined;
    const observer = new IntersectionObserver(([entry]) => entry?.isIntersecting && void model.loadMore(), {
      rootMargin: "600px",
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, [next, more.name]);
  return (
    <div class="calls-end" ref={end}>
      {more.name === "failed" && (
        <p class="calls-partial" role="alert">
          Only a part of the calls is shown. {more.message}{" "}
          <button type="button" class="button button-small" onClick={() => void model.loadMore()}>
            Load the rest
          </button>
        </p>
      )}
      {more.name === "loading" && <p role="status">Loading more calls…</p>}
      {more.name === "idle" && next === null && <p>{callCount(model.calls.value.length)}</p>}
    </div>
  );
}

function callCount(calls: number): string {
  if (calls === 0) return "";
  return calls === 1 ? "1 stored call" : `${count(calls)} stored calls`;
}
