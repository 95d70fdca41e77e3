/** The server's scenarios, its provider, and its load errors. */
import { type ReadonlySignal, signal } from "@preact/signals";
import * as api from "../transport/api";
import { dismiss, notify } from "../ui/notices";

export interface Catalogue {
  scenarios: api.ScenarioInfo[];
  health: api.Health;
}

const loaded = signal<Catalogue | null>(null);
const problemsFound = signal<api.LoadProblem[]>([]);

/** Null until the server has answered. */
export const catalogue: ReadonlySignal<Catalogue | null> = loaded;
export const loadProblems: ReadonlySignal<api.LoadProblem[]> = problemsFound;

const INITIAL_DELAY_MS = 500;
const MAX_DELAY_MS = 5000;

let loading: Promise<Catalogue> | null = null;

/** Load the catalogue and retry until the server answers. Concurrent calls share one request. */
export function loadCatalogue(): Promise<Catalogue> {
  loading ??= fetchCatalogue().finally(() => (loading = null));
  return loading;
}

async function fetchCatalogue(): Promise<Catalogue> {
  for (let delay = INITIAL_DELAY_MS; ; delay = Math.min(MAX_DELAY_MS, delay * 2)) {
    try {
      const [scenarios, health] = await Promise.all([api.scenarios(), api.health()]);
      dismiss("server");
      loaded.value = { scenarios, health };
      void fetchProblems();
      return { scenarios, health };
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      notify({ key: "server", tone: "warning", text: `${message} Trying again…` });
      await new Promise((resolve) => setTimeout(resolve, delay));
    }
  }
}

/** Return the scenario of this name, else the first. */
export function findScenario(name: string | null): api.ScenarioInfo | undefined {
  const scenarios = loaded.value?.scenarios ?? [];
  return scenarios.find((scenario) => scenario.name === name) ?? scenarios[0];
}

/** Return a scenario's title; its name if it has no title or was removed. */
export function scenarioTitle(name: string): string {
  return loaded.value?.scenarios.find((scenario) => scenario.name === name)?.title || name;
}

async function fetchProblems(): Promise<void> {
  // An older server lacks this route, and the page works without the list.
  problemsFound.value = await api.problems().catch(() => []);
}
