/** List of stored calls, for operators: running calls on top, search, filters, and deletion. */
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { catalogue, isCallerView } from "../call/catalogue";
import { Icon } from "../ui/icons";
import { urlOf } from "../ui/page-address";
import { EmptyState, NoStore, NotOperator } from "./AccessNotes";
import { CallsHeader } from "./CallsHeader";
import { CallTable, LoadMore } from "./CallTable";
import { addressOf, type CallFilters, countFilters, NO_FILTERS, parseFilters } from "./call-filters";
import type { CallListModel } from "./call-list";
import type { CallSummary } from "./calls-api";
import { DeleteDialog } from "./DeleteDialog";
import { FiltersBar } from "./FiltersBar";
import { onListKey } from "./list-keys";

const REFRESH_MS = 3000;

export function CallsPage({ model }: { model: CallListModel }): VNode {
  const filters = useSignal(parseFilters(location.search));
  const deleting = useSignal<CallSummary | "all" | null>(null);
  const main = useRef<HTMLElement>(null);
  const change = (next: CallFilters): void => {
    filters.value = next;
    history.pushState(history.state, "", location.pathname + addressOf(next));
    void model.load(next);
  };
  useEffect(() => {
    const load = (): void => {
      filters.value = parseFilters(location.search);
      void model.load(filters.peek());
    };
    load();
    addEventListener("popstate", load);
    return () => removeEventListener("popstate", load);
  }, []);
  useRefresh(model);
  useEffect(() => {
    const onKey = (event: KeyboardEvent): void =>
      onListKey(event, (call) => (deleting.value = call), [...model.live.peek(), ...model.calls.peek()]);
    addEventListener("keydown", onKey);
    return () => removeEventListener("keydown", onKey);
  }, [model]);
  const phase = model.phase.value;
  const isRefused = phase.name === "not-operator" || isCallerView.value;
  const calls = [...model.live.value, ...model.calls.value];
  const close = (): void => {
    deleting.value = null;
    main.current?.focus();
  };
  return (
    <div class="page calls-page">
      <CallsHeader>
        <h1 class="calls-title">Calls</h1>
        {phase.name === "ready" && model.calls.value.length > 0 && (
          <button type="button" class="button button-small delete-all" onClick={() => (deleting.value = "all")}>
            <Icon name="bin" />
            Delete all…
          </button>
        )}
      </CallsHeader>
      {!isRefused && phase.name !== "no-store" && (
        <FiltersBar filters={filters.value} onChange={change} calls={calls} />
      )}
      {model.stale.value !== null && (
        <p class="calls-stale" role="status">
          <Icon name="alert" />
          The list is not up to date. {model.stale.value}
        </p>
      )}
      <main class="calls-main scroll" ref={main} tabIndex={-1} aria-busy={phase.name === "loading"}>
        {isRefused ? (
          <NotOperator message={phase.name === "not-operator" ? phase.message : REFUSED} />
        ) : (
          <Content model={model} filters={filters.value} change={change} onDelete={(call) => (deleting.value = call)} />
        )}
      </main>
      {deleting.value !== null && <DeleteDialog wanted={deleting.value} model={model} close={close} />}
    </div>
  );
}

const REFUSED = "You see a caller's part of this server. Sign in with its TRUNKLINE_OPERATOR_TOKEN to see its calls.";

/** Update the list while the page is visible, and as soon as it becomes visible again. */
function useRefresh(model: CallListModel): void {
  useEffect(() => {
    const refresh = (): void => {
      if (!document.hidden) void model.refresh();
    };
    const timer = setInterval(refresh, REFRESH_MS);
    document.addEventListener("visibilitychange", refresh);
    return () => {
      clearInterval(timer);
      document.removeEventListener("visibilitychange", refresh);
    };
  }, [model]);
}

interface ContentProps {
  model: CallListModel;
  filters: CallFilters;
  change: (filters: CallFilters) => void;
  onDelete: (call: CallSummary) => void;
}

function Content({ model, filters, change, onDelete }: ContentProps): VNode {
  const phase = model.phase.value;
  const calls = model.calls.value;
  const live = model.live.value;
  switch (phase.name) {
    case "loading":
      return <CallTable calls={[]} live={[]} query="" onDelete={onDelete} loading />;
    case "no-store":
      return <NoStore message={phase.message} />;
    case "not-operator":
      return <NotOperator message={phase.message} />;
    case "failed":
      return (
        <EmptyState icon="alert" title="The calls could not be loaded">
          <p role="alert">{phase.message}</p>
          <div class="empty-buttons">
            <button type="button" class="button button-primary" onClick={() => void model.load(filters)}>
              Try again
            </button>
          </div>
        </EmptyState>
      );
    case "ready":
      if (calls.length === 0 && live.length === 0)
        return filters.q !== "" || countFilters(filters) > 0 ? <NoMatch change={change} /> : <NoCalls />;
      return (
        <>
          <CallTable calls={calls} live={live} query={filters.q} onDelete={onDelete} />
          <LoadMore model={model} />
        </>
      );
  }
}

function NoMatch({ change }: { change: (filters: CallFilters) => void }): VNode {
  return (
    <EmptyState icon="search" title="No call matches">
      <p>The search looks for words that were said. Use other words, or fewer filters.</p>
      <div class="empty-buttons">
        <button type="button" class="button" onClick={() => change(NO_FILTERS)}>
          Show all calls
        </button>
      </div>
    </EmptyState>
  );
}

function NoCalls(): VNode {
  const first = catalogue.value?.scenarios[0];
  return (
    <EmptyState icon="calls" title="No calls yet">
      <p>Each call is stored while it runs, and stays here until it is deleted.</p>
      <div class="empty-buttons">
        <a class="button button-primary" href={urlOf("./").href}>
          {first ? `Call “${first.title || first.name}”` : "Open the console"}
        </a>
      </div>
    </EmptyState>
  );
}
