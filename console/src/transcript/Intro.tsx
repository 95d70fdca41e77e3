/** Header of the transcript: the scenario, the provider and the earlier calls of this tab. */
import type { VNode } from "preact";
import { answeringPart, scenarioTitle } from "../call/catalogue";
import { EngineParts } from "../call/EngineParts";
import { type EarlierCall, earlierCalls } from "../call/earlier-calls";
import type { ScenarioInfo } from "../transport/api";
import { Icon } from "../ui/icons";
import { clockTime } from "../ui/time";

const LOCAL_HOSTS = ["localhost", "127.0.0.1", "[::1]", ""];

interface IntroProps {
  scenario: ScenarioInfo;
  provider: string | null;
  /** The id of the displayed call. */
  callId: string | null;
  /** True after the caller's first turn: the card about the engine folds. */
  talked: boolean;
}

export function Intro({ scenario, provider, callId, talked }: IntroProps): VNode {
  const earlier = earlierCalls.value.filter(({ id }) => id !== callId);
  return (
    <div class="intro">
      <h3 dir="auto">{scenario.title || scenario.name}</h3>
      {scenario.description && <p dir="auto">{scenario.description}</p>}
      {provider === "local" && <LocalEngine scenario={scenario} open={!talked} />}
      {earlier.length > 0 && <Earlier calls={earlier} />}
    </div>
  );
}

function LocalEngine({ scenario, open }: { scenario: ScenarioInfo; open: boolean }): VNode {
  return (
    <details class="intro-local" open={open}>
      <summary>
        <Icon name="chip" />
        <strong>
          This runs on {LOCAL_HOSTS.includes(location.hostname) ? "your machine" : "the server"}, with no key.
        </strong>
      </summary>
      <div>
        <p>
          The local engine transcribes with a small recogniser and speaks with a synthetic voice.{" "}
          <Answers scenario={scenario} />
        </p>
        <EngineParts />
        <details>
          <summary>Talk to Azure OpenAI instead</summary>
          <p>
            Write these lines into the file <code>.env</code> in Trunkline's working directory, then restart it:
          </p>
          <pre class="json" tabIndex={0}>
            {`AZURE_OPENAI_ENDPOINT=https://YOUR-RESOURCE.openai.azure.com/
AZURE_OPENAI_API_KEY=YOUR-KEY
AZURE_OPENAI_REALTIME_DEPLOYMENT=YOUR-REALTIME-DEPLOYMENT
AZURE_OPENAI_TRANSCRIPTION_DEPLOYMENT=YOUR-TRANSCRIPTION-DEPLOYMENT`}
          </pre>
          <p>
            Then check the settings with <code>trunkline doctor</code>. OpenAI needs only <code>OPENAI_API_KEY</code>;{" "}
            <code>.env.sample</code> lists all settings. The keys stay on the server.
          </p>
        </details>
      </div>
    </details>
  );
}

/** The sentence about the part that answers. */
function Answers({ scenario }: { scenario: ScenarioInfo }): VNode | null {
  const suggests = scenario.things_to_say.length > 0;
  switch (answeringPart(scenario)) {
    case "rehearsal":
      return (
        <>
          A rehearsal, a script, replaces the model. Answer its questions
          {suggests && ", or use the suggestions below"}.
        </>
      );
    case "none":
      return (
        <>
          No model is set, and this scenario has no rehearsal, so its agents cannot answer. Set{" "}
          <code>TRUNKLINE_CHAT_BASE_URL</code> and <code>TRUNKLINE_CHAT_MODEL</code> to a chat model, or write a
          rehearsal.
        </>
      );
    case "model":
      return <>A chat model answers.</>;
    default:
      return null;
  }
}

function Earlier({ calls }: { calls: readonly EarlierCall[] }): VNode {
  return (
    <details class="intro-earlier">
      <summary>Earlier calls of this tab</summary>
      <ul>
        {calls.map(({ id, scenario, startedAt }) => (
          <li key={id}>
            <a href={`?call=${encodeURIComponent(id)}`} target="_blank" rel="noopener">
              {clockTime(startedAt)} <bdi>{scenarioTitle(scenario)}</bdi>
            </a>
          </li>
        ))}
      </ul>
    </details>
  );
}
