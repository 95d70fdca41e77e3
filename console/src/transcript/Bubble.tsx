/** A message of the transcript: speaker, time, text and the part that the caller did not hear. */
import type { ComponentChild, VNode } from "preact";
import { AgentChip } from "../agents/AgentChip";
import type { Message, MessageMetrics } from "../call/call-state";
import { useCallerName } from "../timeline/caller-name";
import { memo } from "../ui/memo";
import { Timestamp } from "../ui/Timestamp";
import { duration } from "../ui/time";
import { type Documents, useCitations } from "./Citations";
import { GuardrailChecks } from "./GuardrailChecks";
import { type Cite, MarkdownText } from "./MarkdownText";
import { useTurnMetrics } from "./TurnMetrics";

interface BubbleProps {
  message: Message;
  metrics: MessageMetrics | undefined;
  agents: readonly string[];
  startedAt: number | null;
  /** Documents that the message may cite. */
  documents?: Documents;
}

const NO_DOCUMENTS: Documents = new Map();

export const Bubble = memo((props: BubbleProps): VNode => <BubbleContent {...props} />);

function BubbleContent({ message, metrics, agents, startedAt, documents = NO_DOCUMENTS }: BubbleProps): VNode {
  const callerName = useCallerName();
  const citations = useCitations(documents);
  const note = interruptionNote(message);
  const turnMetrics = useTurnMetrics(metrics);
  return (
    <article class={`bubble bubble-${message.role} bubble-${message.status}`} data-seq={message.seq}>
      <header class="bubble-head">
        {message.role === "assistant" ? (
          <AgentChip name={message.agent ?? "Agent"} agents={agents} />
        ) : (
          <span class="speaker">{message.role === "user" ? callerName : "System"}</span>
        )}
        {message.phase === "commentary" && <span class="muted">on the way to the answer</span>}
        <Timestamp atMs={message.atMs} startedAt={startedAt} />
        {turnMetrics?.button}
      </header>
      {turnMetrics?.panel}
      {message.images.map((image) => (
        <img key={image} class="bubble-image" src={image} alt="Shown to the agent" />
      ))}
      {(message.images.length === 0 || message.text !== "") && (
        <div class="bubble-text">{body(message, citations.cite)}</div>
      )}
      {citations.panel}
      {note !== null && <footer class="bubble-mark">{note}</footer>}
      {metrics && metrics.checks.length > 0 && <GuardrailChecks checks={metrics.checks} />}
    </article>
  );
}

function body(message: Message, cite: Cite): ComponentChild {
  if (message.role === "user") {
    if (message.status === "inaudible") return <p class="placeholder">[inaudible]</p>;
    if (message.status !== "streaming" && message.text === "") return <p class="placeholder">[not recognised]</p>;
    if (message.text === "" && message.status === "streaming")
      return <p class="placeholder waiting">[Transcribing…]</p>;
    // Words of the caller are partial while they speak: the recogniser may still change them.
    return (
      <p dir="auto" class={message.status === "streaming" ? "verbatim partial" : "verbatim"}>
        {message.text}
      </p>
    );
  }
  if (message.text === "" && message.status === "streaming") {
    return (
      <p class="placeholder waiting" role="img" aria-label="Thinking">
        …
      </p>
    );
  }
  const unheard = unheardOf(message);
  if (unheard === null) return <MarkdownText text={message.text} cite={cite} />;
  return (
    <>
      <MarkdownText text={message.heard?.text ?? ""} cite={cite} />
      <div class="unheard">
        <span class="visually-hidden">Not heard:</span>
        <MarkdownText text={unheard} cite={cite} />
      </div>
    </>
  );
}

/** Return the part of an interrupted message that the caller did not hear; null if that is unknown or empty. */
function unheardOf(message: Message): string | null {
  const heard = message.heard?.text;
  if (heard == null || !message.text.startsWith(heard)) return null;
  return message.text.length > heard.length ? message.text.slice(heard.length) : null;
}

/** Return the note below an interrupted or failed message; null for others. */
function interruptionNote(message: Message): string | null {
  if (message.role === "assistant" && message.heard !== null) {
    if (message.heard.text === message.text && message.text !== "") return null; // The caller heard every word.
    if (message.heard.ms === 0) return "Interrupted before the caller heard any of it";
    return `Interrupted after ${duration(message.heard.ms)}${unheardOf(message) === null ? "" : "; the rest was not heard"}`;
  }
  if (message.role === "assistant" && message.status === "interrupted") return "Interrupted";
  return message.role === "assistant" && message.status === "failed" ? "Failed: the response ended early" : null;
}
