/** What the server has: its scenarios, its provider, and what of it could not be loaded. */
import { type ReadonlySignal, signal } from "@preact/signals";
import * as api from "../transport/api";
import { dismiss, notify } from "../ui/notices";

export interface Catalogue {
  scenarios: api.ScenarioInfo[];
  health: api.Health;
}

const loaded = signal<Catalogue | null>(null);
const problemsFound = signal<api.Problem[]>([]);

/** Null until the server has answered. */
export const catalogue: ReadonlySignal<Catalogue | null> = loaded;
export const loadProblems: ReadonlySignal<api.Problem[]> = problemsFound;

const FIRST_DELAY_MS = 500;
const LONGEST_DELAY_MS = 5000;

let asking: Promise<Catalogue> | null = null;

/** Asks the server until it answers; whoever wants to know meanwhile waits for the same answer. */
export function loadCatalogue(): Promise<Catalogue> {
  asking ??= ask().finally(() => (asking = null));
  return asking;
}

async function ask(): Promise<Catalogue> {
  for (let delay = FIRST_DELAY_MS; ; delay = Math.min(LONGEST_DELAY_MS, delay * 2)) {
    try {
      const [scenarios, health] = await Promise.all([api.scenarios(), api.health()]);
      dismiss("server");
      loaded.value = { scenarios, health };
      void askForProblems();
      return { scenarios, health };
    } catch (error) {
      const words = error instanceof Error ? error.message : String(error);
      notify({ key: "server", tone: "warning", text: `${words} Trying again…` });
      await new Promise((resolve) => setTimeout(resolve, delay));
    }
  }
}

/** The scenario of this name, else the first. */
export function scenarioNamed(name: string | null): api.ScenarioInfo | undefined {
  const scenarios = loaded.value?.scenarios ?? [];
  return scenarios.find((scenario) => scenario.name === name) ?? scenarios[0];
}

/** A scenario's title; its name where it has none, or is not there any more. */
export function titleOf(name: string): string {
  return loaded.value?.scenarios.find((scenario) => scenario.name === name)?.title || name;
}

async function askForProblems(): Promise<void> {
  // An older server has no such route; that is no problem of the page's.
  problemsFound.value = await api.problems().catch(() => []);
}
