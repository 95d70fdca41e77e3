/** Filters of the list of calls, in the page's address and in the request. */

export interface CallFilters {
  /** Words that were said. */
  q: string;
  scenario: string;
  agent: string;
  status: string;
  /** The reason for the end. */
  outcome: string;
  /** Shortest and longest duration in s. */
  minS: number | null;
  maxS: number | null;
  /** First and last day, as `2026-05-01` in the reader's time zone. */
  since: string;
  until: string;
  /** Only calls with errors, or with tripped guardrails. */
  errors: boolean;
  trips: boolean;
}

export const NO_FILTERS: CallFilters = {
  q: "",
  scenario: "",
  agent: "",
  status: "",
  outcome: "",
  minS: null,
  maxS: null,
  since: "",
  until: "",
  errors: false,
  trips: false,
};

const DAY = /^\d{4}-\d{2}-\d{2}$/;

/** Return the filters of an address; values that the console does not support are ignored. */
export function parseFilters(search: string): CallFilters {
  const parameters = new URLSearchParams(search);
  const text = (name: string): string => parameters.get(name)?.trim() ?? "";
  const day = (name: string): string => (DAY.test(text(name)) && dayStart(text(name)) !== null ? text(name) : "");
  const seconds = (name: string): number | null => {
    const ms = Number(text(name));
    return text(name) !== "" && Number.isFinite(ms) && ms >= 0 ? ms / 1000 : null;
  };
  return {
    q: text("q"),
    scenario: text("scenario"),
    agent: text("agent"),
    status: text("status"),
    outcome: text("outcome"),
    minS: seconds("min_ms"),
    maxS: seconds("max_ms"),
    since: day("since"),
    until: day("until"),
    errors: text("errors") === "1",
    trips: text("trips") === "1",
  };
}

/** Return the query of the page's address; empty without filters. */
export function addressOf(filters: CallFilters): string {
  const query = shared(filters);
  if (filters.since !== "") query.set("since", filters.since);
  if (filters.until !== "") query.set("until", filters.until);
  return query.size > 0 ? `?${query}` : "";
}

/** Return the parameters of the request. The server compares times, so the days become times in UTC. */
export function requestOf(filters: CallFilters): URLSearchParams {
  const query = shared(filters);
  const since = dayStart(filters.since);
  const until = dayStart(filters.until, 1);
  if (since !== null) query.set("since", since);
  if (until !== null) query.set("until", until);
  return query;
}

/** Return the number of filters that are set, without the search. */
export function countFilters(filters: CallFilters): number {
  const { q: _q, ...others } = filters;
  return (Object.keys(others) as (keyof typeof others)[]).filter((name) => others[name] !== NO_FILTERS[name]).length;
}

function shared(filters: CallFilters): URLSearchParams {
  const query = new URLSearchParams();
  for (const name of ["q", "scenario", "agent", "status", "outcome"] as const)
    if (filters[name] !== "") query.set(name, filters[name]);
  if (filters.minS !== null) query.set("min_ms", String(Math.round(1000 * filters.minS)));
  if (filters.maxS !== null) query.set("max_ms", String(Math.round(1000 * filters.maxS)));
  for (const name of ["errors", "trips"] as const) if (filters[name]) query.set(name, "1");
  return query;
}

/** Return the start of a day of the reader's time zone, or of a day after it, in UTC; null for another text. */
function dayStart(day: string, daysLater = 0): string | null {
  if (!DAY.test(day)) return null;
  const start = new Date(`${day}T00:00:00`);
  if (Number.isNaN(start.getTime())) return null;
  start.setDate(start.getDate() + daysLater);
  return start.toISOString();
}
