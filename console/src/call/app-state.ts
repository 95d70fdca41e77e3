/** State of the whole page: the connection, the selected scenario and agent, and the page's automatic actions. */
import { computed, effect, signal } from "@preact/signals";
import { dismiss, notify } from "../ui/notices";
import { parseAddress, rewriteAddress, scenarioParameters } from "./address";
import { catalogue, findScenario, hasFileProblem, loadCatalogue } from "./catalogue";
import { Connection } from "./connection";
import { rememberCall } from "./earlier-calls";

export const connection = new Connection();

const selectedScenario = signal<string | null>(null);
const selectedAgent = signal<string | null>(null);

/** True if the page calls its scenario as soon as a saved fix makes it loadable again. */
let awaitsFix = false;

const inCall = computed(() => connection.phase.value !== "idle" && connection.phase.value !== "ended");

/** The scenario of this call, else of the next. */
export const scenario = computed(() =>
  findScenario((inCall.value ? connection.call.value.scenario : null) ?? selectedScenario.value),
);

/** The active agent of this call, else the first agent of the next. */
export const agent = computed(
  () =>
    (inCall.value ? connection.call.value.agent : null) ??
    selectedAgent.value ??
    scenario.value?.agents[0]?.name ??
    null,
);

/** Start the page: return to the call in its address, or start a new one. */
export async function start(): Promise<void> {
  const wishes = parseAddress(location.search);
  if (wishes.problems.length > 0) notify({ key: "address", tone: "warning", text: wishes.problems.join(" ") });
  notifyMicrophoneProblems();
  syncScenarioWithCall();
  recordCalls();
  followFixes();
  if (wishes.call !== null) connection.resume(wishes.call);
  await loadCatalogue();
  applyAddress(wishes.scenario ?? connection.call.peek().scenario, wishes.agent);
  if (wishes.call === null && wishes.autoConnect) connect();
}

/** Start a call with the selected scenario and agent, and reload the catalogue, which may have changed. */
export function refreshAndConnect(): void {
  void loadCatalogue();
  connect();
}

function connect(): void {
  const wanted = findScenario(selectedScenario.peek());
  if (wanted) connection.connect(wanted.name, selectedAgent.peek());
  else if (selectedScenario.peek() !== null) awaitFix();
}

function awaitFix(): void {
  awaitsFix = true;
  dismiss("call");
  notify({
    key: "choice",
    tone: "warning",
    text: `“${selectedScenario.peek()}” cannot be loaded. Save the fix, and the call starts.`,
  });
}

/** Call the selected scenario again when a saved fix makes it loadable, after an error in its file ended the call. */
function followFixes(): void {
  let live = false;
  effect(() => {
    live = connection.phase.value !== "ended" && (live || inCall.value);
    const name = selectedScenario.value;
    const known = catalogue.value?.scenarios;
    if (name === null || known === undefined) return;
    if (!known.some((one) => one.name === name)) {
      if (live && !inCall.value && hasFileProblem()) awaitFix();
    } else if (awaitsFix) {
      awaitsFix = false;
      dismiss("choice");
      connect();
    }
  });
}

/** Select another scenario; during a call, start a new one at once. */
export function chooseScenario(name: string): void {
  const live = inCall.peek();
  selectedScenario.value = name;
  selectedAgent.value = null;
  rewriteAddress(scenarioParameters(name, null));
  if (live) connect();
}

/** Select another first agent; during a call, start a new one at once. */
export function chooseAgent(name: string): void {
  const live = inCall.peek();
  selectedScenario.value = scenario.peek()?.name ?? null;
  selectedAgent.value = name;
  rewriteAddress({ agent: name });
  if (live) connect();
}

/** Select the scenario and agent that the address names, and notify the reader if they do not exist. */
function applyAddress(scenarioName: string | null, agentName: string | null): void {
  const found = findScenario(scenarioName);
  if (!found && scenarioName !== null && hasFileProblem()) {
    selectedScenario.value = scenarioName;
    selectedAgent.value = agentName;
    return;
  }
  if (!found) {
    notify({
      key: "choice",
      tone: "warning",
      text: "The server has no scenario. Start it with at least one scenario, then reload this page.",
    });
    return;
  }
  if (scenarioName !== null && found.name !== scenarioName) {
    notify({
      key: "choice",
      tone: "warning",
      text: `The scenario “${scenarioName}” does not exist, so this is “${found.title}”. Choose one of: ${listNames(catalogue.peek()?.scenarios)}.`,
    });
  }
  selectedScenario.value = found.name;
  if (agentName === null) return;
  if (found.agents.some((one) => one.name === agentName)) selectedAgent.value = agentName;
  else
    notify({
      key: "choice-agent",
      tone: "warning",
      text: `“${found.title}” has no agent “${agentName}”, so it starts with its first agent. Choose one of: ${listNames(found.agents)}.`,
    });
}

function listNames(all: readonly { name: string }[] = []): string {
  return all.map((one) => one.name).join(", ");
}

function notifyMicrophoneProblems(): void {
  effect(() => {
    const problem = connection.leg.value?.microphone.problem.value;
    if (problem) notify({ key: "microphone", tone: "warning", text: problem });
    else dismiss("microphone");
  });
}

/** Select the scenario of the call that the page returned to, also after the call has ended. */
function syncScenarioWithCall(): void {
  effect(() => {
    const name = connection.call.value.scenario;
    if (name !== null && catalogue.value?.scenarios.some((one) => one.name === name)) selectedScenario.value = name;
  });
}

/** Add each new call to the list of earlier calls. */
function recordCalls(): void {
  effect(() => {
    const { callId, scenario: name, startedAt } = connection.call.value;
    if (callId !== null && name !== null && startedAt !== null) rememberCall({ id: callId, scenario: name, startedAt });
  });
}
