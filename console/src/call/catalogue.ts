/** The server's scenarios, its provider, and its load errors. */
import { batch, computed, type ReadonlySignal, signal } from "@preact/signals";
import * as api from "../transport/api";
import { iceServers } from "../transport/ice-servers";
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

/** True if the server hides instructions, payloads of tools and the model's events from this page. */
export const isCallerView: ReadonlySignal<boolean> = computed(() => loaded.value?.health.audience === "caller");

const INITIAL_DELAY_MS = 500;
const MAX_DELAY_MS = 5000;
const FIX_POLL_MS = 1000;

let loading: Promise<Catalogue> | null = null;

/** Load the catalogue and retry until the server answers. Concurrent calls share one request. */
export function loadCatalogue(): Promise<Catalogue> {
  loading ??= fetchCatalogue().finally(() => (loading = null));
  return loading;
}

async function fetchCatalogue(): Promise<Catalogue> {
  for (let delay = INITIAL_DELAY_MS; ; delay = Math.min(MAX_DELAY_MS, delay * 2)) {
    try {
      void iceServers();
      // An older server lacks the problems' route, and the page works without the list.
      const problems = api.problems().catch(() => []);
      const [scenarios, health, found] = await Promise.all([api.scenarios(), api.health(), problems]);
      dismiss("server");
      batch(() => {
        loaded.value = { scenarios, health };
        problemsFound.value = found;
      });
      watchForFix();
      return { scenarios, health };
    } catch (error) {
      const message = error instanceof Error ? error.message : String(error);
      notify({ key: "server", tone: "warning", text: `${message} Trying again…` });
      await new Promise((resolve) => setTimeout(resolve, delay));
    }
  }
}

/**
 * Return the scenario of this name, else the first. While a file cannot be loaded, a missing scenario is probably in it:
 * then no other one replaces it.
 */
export function findScenario(name: string | null): api.ScenarioInfo | undefined {
  const scenarios = loaded.value?.scenarios ?? [];
  const found = scenarios.find((scenario) => scenario.name === name);
  return found ?? (name !== null && hasFileProblem() ? undefined : scenarios[0]);
}

/** Return whether a file with scenarios could not be loaded, so that its author will save a fix. */
export function hasFileProblem(): boolean {
  return problemsFound.value.some((problem) => problem.file !== null);
}

/** Return what answers for a scenario on the local engine; null while the engine is unknown, or for a hosted model. */
export function answeringPart({ rehearsed = true }: api.ScenarioInfo): "model" | "rehearsal" | "none" | null {
  const engine = loaded.value?.health.engine;
  if (engine === undefined) return null;
  if (engine.model !== null) return "model";
  return rehearsed ? "rehearsal" : "none";
}

/** Return a scenario's title; its name if it has no title or was removed. */
export function scenarioTitle(name: string): string {
  return loaded.value?.scenarios.find((scenario) => scenario.name === name)?.title || name;
}

/** Load the catalogue again while a file cannot be loaded: a saved fix restarts a server that runs with `--reload`. */
function watchForFix(): void {
  if (hasFileProblem()) setTimeout(() => void loadCatalogue(), FIX_POLL_MS);
}
