/** The console as a whole: which scenario and agent are chosen, and what the page does by itself. */
import { computed, effect, signal } from "@preact/signals";
import { choice, readWishes, rewriteAddress } from "./address";
import { catalogue, loadCatalogue, scenarioNamed } from "./catalogue";
import { Connection } from "./connection";
import { rememberCall } from "./earlier-calls";
import { dismiss, notify } from "../ui/notices";

export const connection = new Connection();

const chosenScenario = signal<string | null>(null);
const chosenAgent = signal<string | null>(null);

const inCall = computed(() => connection.phase.value !== "idle" && connection.phase.value !== "ended");

/** The scenario of the call, or the one that the next call will have. */
export const scenario = computed(() => scenarioNamed((inCall.value ? connection.call.value.scenario : null) ?? chosenScenario.value));

/** Who speaks, or who will answer the next call. */
export const agent = computed(
  () => (inCall.value ? connection.call.value.agent : null) ?? chosenAgent.value ?? scenario.value?.agents[0]?.name ?? null,
);

/** What the page does when it opens: come back to the call in its address, or start one. */
export async function start(): Promise<void> {
  const wishes = readWishes(location.search);
  if (wishes.problems.length > 0) notify({ key: "address", tone: "warning", text: wishes.problems.join(" ") });
  tellAboutMicrophone();
  keepChoiceWithCall();
  keepCalls();
  if (wishes.call !== null) void connection.resume(wishes.call);
  await loadCatalogue();
  choose(wishes.scenario ?? connection.call.peek().scenario, wishes.agent);
  if (wishes.call === null && wishes.connects) connect();
}

/** Starts a call with what is chosen. What there is to choose from may be another by now. */
export function connectAgain(): void {
  void loadCatalogue();
  connect();
}

function connect(): void {
  const wanted = scenarioNamed(chosenScenario.peek());
  if (wanted) void connection.connect(wanted.name, chosenAgent.peek());
}

/** Another scenario: at once, if a call is under way. */
export function chooseScenario(name: string): void {
  const live = inCall.peek();
  chosenScenario.value = name;
  chosenAgent.value = null;
  rewriteAddress(choice(name, null));
  if (live) connect();
}

/** Another agent to begin with: at once, if a call is under way. */
export function chooseAgent(name: string): void {
  const live = inCall.peek();
  chosenScenario.value = scenario.peek()?.name ?? null;
  chosenAgent.value = name;
  rewriteAddress({ agent: name });
  if (live) connect();
}

/** Takes the address's word for it where such a scenario and agent exist, and says so where they do not. */
function choose(scenarioName: string | null, agentName: string | null): void {
  const found = scenarioNamed(scenarioName);
  if (!found) {
    notify({ key: "choice", tone: "warning", text: "The server has no scenario to talk to." });
    return;
  }
  if (scenarioName !== null && found.name !== scenarioName) {
    notify({ key: "choice", tone: "warning", text: `There is no scenario “${scenarioName}”; this is “${found.title}”. There are: ${names(catalogue.peek()?.scenarios)}.` });
  }
  chosenScenario.value = found.name;
  if (agentName === null) return;
  if (found.agents.some((one) => one.name === agentName)) chosenAgent.value = agentName;
  else notify({ key: "choice-agent", tone: "warning", text: `“${found.title}” has no agent “${agentName}”; it begins with its first. There are: ${names(found.agents)}.` });
}

function names(all: readonly { name: string }[] = []): string {
  return all.map((one) => one.name).join(", ");
}

function tellAboutMicrophone(): void {
  effect(() => {
    const problem = connection.leg.value?.microphone.problem.value;
    if (problem) notify({ key: "microphone", tone: "warning", text: problem });
    else dismiss("microphone");
  });
}

/** A call that this page came back to says which scenario is chosen, also when it has ended. */
function keepChoiceWithCall(): void {
  effect(() => {
    const name = connection.call.value.scenario;
    if (name !== null && catalogue.value?.scenarios.some((one) => one.name === name)) chosenScenario.value = name;
  });
}

/** What is a new call now can be read later. */
function keepCalls(): void {
  effect(() => {
    const { callId, scenario: name, startedAt } = connection.call.value;
    if (callId !== null && name !== null && startedAt !== null) rememberCall({ id: callId, scenario: name, startedAt });
  });
}
