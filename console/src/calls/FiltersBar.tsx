/** Search and filters above the list of calls. */
import { useSignal } from "@preact/signals";
import type { ComponentChildren, VNode } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import { catalogue } from "../call/catalogue";
import { Icon } from "../ui/icons";
import { type CallFilters, countFilters, NO_FILTERS } from "./call-filters";
import { STATUS_NAMES } from "./call-words";
import type { CallSummary } from "./calls-api";

const TYPING_PAUSE_MS = 250;

interface FiltersBarProps {
  filters: CallFilters;
  onChange: (filters: CallFilters) => void;
  /** Calls of the list: their scenarios, agents and outcomes are choices. */
  calls: readonly CallSummary[];
}

export function FiltersBar({ filters, onChange, calls }: FiltersBarProps): VNode {
  const open = useSignal(countFilters(filters) > 0);
  const id = useId();
  const set = (changes: Partial<CallFilters>): void => onChange({ ...filters, ...changes });
  const known = catalogue.value?.scenarios ?? [];
  const chosen = known.filter(({ name }) => filters.scenario === "" || name === filters.scenario);
  const scenarios = choices(
    [...known.map(({ name }) => name), ...calls.map((call) => call.scenario)],
    filters.scenario,
  );
  const agents = choices(
    [...chosen.flatMap((one) => one.agents.map(({ name }) => name)), ...calls.flatMap((call) => call.agents)],
    filters.agent,
  );
  const outcomes = choices([...calls.flatMap(({ end_reason }) => end_reason ?? [])], filters.outcome);
  const titleOf = (name: string): string => known.find((one) => one.name === name)?.title || name;
  const count = countFilters(filters);
  return (
    <search class="filters">
      <div class="filters-first">
        {/* biome-ignore lint/a11y/noLabelWithoutControl: the control is in the component. */}
        <label class="search-box">
          <Icon name="search" />
          <span class="visually-hidden">Search what was said</span>
          <TypedInput
            type="search"
            placeholder="Search what was said"
            value={filters.q}
            onValue={(q) => set({ q: q.trim() })}
          />
        </label>
        <button
          type="button"
          class="button filters-toggle"
          aria-expanded={open.value}
          aria-controls={id}
          onClick={() => (open.value = !open.value)}
        >
          <Icon name="settings" />
          Filters
          {count > 0 && <span class="filters-count">{count}</span>}
        </button>
        {(count > 0 || filters.q !== "") && (
          <button type="button" class="button button-quiet" onClick={() => onChange(NO_FILTERS)}>
            Clear
          </button>
        )}
      </div>
      <div class="filters-more" id={id} hidden={!open.value}>
        <Choice
          label="Scenario"
          value={filters.scenario}
          choices={scenarios.map((name) => [name, titleOf(name)])}
          onChange={(scenario) => set({ scenario })}
        />
        <Choice
          label="Agent"
          value={filters.agent}
          choices={agents.map((name) => [name, name])}
          onChange={(agent) => set({ agent })}
        />
        <Choice
          label="Status"
          value={filters.status}
          choices={(["ended", "failed", "interrupted"] as const).map((status) => [status, STATUS_NAMES[status]])}
          onChange={(status) => set({ status })}
        />
        <Choice
          label="Outcome"
          value={filters.outcome}
          choices={outcomes.map((outcome) => [outcome, outcome])}
          onChange={(outcome) => set({ outcome })}
        />
        <Field label="From">
          <input
            type="date"
            class="field-input"
            value={filters.since}
            max={filters.until || undefined}
            onChange={(event) => set({ since: event.currentTarget.value })}
          />
        </Field>
        <Field label="To">
          <input
            type="date"
            class="field-input"
            value={filters.until}
            min={filters.since || undefined}
            onChange={(event) => set({ until: event.currentTarget.value })}
          />
        </Field>
        <Field label="At least, s">
          <TypedInput
            type="number"
            value={numberText(filters.minS)}
            onValue={(text) => set({ minS: numberOf(text) })}
          />
        </Field>
        <Field label="At most, s">
          <TypedInput
            type="number"
            value={numberText(filters.maxS)}
            onValue={(text) => set({ maxS: numberOf(text) })}
          />
        </Field>
        <label class="toggle">
          <input
            type="checkbox"
            checked={filters.errors}
            onChange={(event) => set({ errors: event.currentTarget.checked })}
          />
          With errors
        </label>
        <label class="toggle">
          <input
            type="checkbox"
            checked={filters.trips}
            onChange={(event) => set({ trips: event.currentTarget.checked })}
          />
          With tripped guardrails
        </label>
      </div>
    </search>
  );
}

/** Return the names to choose from, each once, and the one that is chosen already. */
function choices(names: readonly string[], chosen: string): string[] {
  return [...new Set([...names, chosen])].filter((name) => name !== "").toSorted((a, b) => a.localeCompare(b));
}

interface ChoiceProps {
  label: string;
  value: string;
  /** Values with their names. */
  choices: readonly (readonly [string, string])[];
  onChange: (value: string) => void;
}

function Choice({ label, value, choices, onChange }: ChoiceProps): VNode {
  return (
    <Field label={label}>
      <select value={value} onChange={(event) => onChange(event.currentTarget.value)}>
        <option value="">All</option>
        {choices.map(([name, title]) => (
          <option key={name} value={name} selected={name === value}>
            {title}
          </option>
        ))}
      </select>
    </Field>
  );
}

function Field({ label, children }: { label: string; children: ComponentChildren }): VNode {
  return (
    // biome-ignore lint/a11y/noLabelWithoutControl: the control is the child.
    <label class="field">
      <span>{label}</span>
      {children}
    </label>
  );
}

interface TypedInputProps {
  type: "search" | "number";
  value: string;
  placeholder?: string;
  /** Receives the text after a pause, on Enter, and on leaving. */
  onValue: (value: string) => void;
}

function TypedInput({ type, value, placeholder, onValue }: TypedInputProps): VNode {
  const timer = useRef<ReturnType<typeof setTimeout> | null>(null);
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => {
    // Another address, as after Back; not while the reader types.
    if (input.current && document.activeElement !== input.current) input.current.value = value;
    if (input.current && value === "" && timer.current === null) input.current.value = "";
  }, [value]);
  const stopTimer = (): void => {
    if (timer.current !== null) clearTimeout(timer.current);
  };
  const send = (): void => {
    stopTimer();
    timer.current = null;
    const text = input.current?.value ?? "";
    if (text.trim() !== value) onValue(text);
  };
  const properties = {
    ref: input,
    class: "field-input",
    defaultValue: value,
    placeholder,
    autocomplete: "off",
    spellcheck: false,
    onInput: () => {
      stopTimer();
      timer.current = setTimeout(send, TYPING_PAUSE_MS);
    },
    onBlur: send,
    onKeyDown: ({ key }: KeyboardEvent) => {
      if (key === "Enter") send();
    },
  } as const;
  return type === "search" ? <input type="search" {...properties} /> : <input type="number" min={0} {...properties} />;
}

function numberText(seconds: number | null): string {
  return seconds === null ? "" : String(seconds);
}

function numberOf(text: string): number | null {
  const seconds = Number(text);
  return text.trim() === "" || !Number.isFinite(seconds) || seconds < 0 ? null : seconds;
}
