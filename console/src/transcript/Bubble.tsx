/** One message: who, when, what; and what of it was not heard. */
import type { ComponentChild, VNode } from "preact";
import type { Measures, Message } from "../call/call-state";
import { duration } from "../ui/time";
import { AgentChip } from "../agents/AgentChip";
import { Checks } from "./GuardrailChecks";
import { MarkdownText } from "./MarkdownText";
import { useMeasured } from "./TurnMetrics";
import { Moment } from "../ui/Timestamp";
import { unchanging } from "../ui/memo";

interface BubbleProps {
  message: Message;
  measures: Measures | undefined;
  agents: readonly string[];
  startedAt: number | null;
}

export const Bubble = unchanging((props: BubbleProps): VNode => <Whole {...props} />);

function Whole({ message, measures, agents, startedAt }: BubbleProps): VNode {
  const mark = markOf(message);
  const measured = useMeasured(measures);
  return (
    <article class={`bubble bubble-${message.role} bubble-${message.status}`}>
      <header class="bubble-head">
        {message.role === "assistant" ? (
          <AgentChip name={message.agent ?? "Agent"} agents={agents} />
        ) : (
          <span class="speaker">{message.role === "user" ? "You" : "System"}</span>
        )}
        <Moment atMs={message.atMs} startedAt={startedAt} />
        {measured?.button}
      </header>
      {measured?.panel}
      <div class="bubble-text">{body(message)}</div>
      {mark !== null && <footer class="bubble-mark">{mark}</footer>}
      {measures && measures.checks.length > 0 && <Checks checks={measures.checks} />}
    </article>
  );
}

function body(message: Message): ComponentChild {
  if (message.role === "user") {
    if (message.status === "inaudible") return <p class="stand-in">[inaudible]</p>;
    if (message.status !== "growing" && message.text === "") return <p class="stand-in">[not recognised]</p>;
    if (message.text === "" && message.status === "growing") return <p class="stand-in waiting">[Transcribing…]</p>;
    return (
      <p dir="auto" class="verbatim">
        {message.text}
      </p>
    );
  }
  if (message.text === "" && message.status === "growing") {
    return (
      <p class="stand-in waiting" aria-label="Thinking">
        …
      </p>
    );
  }
  const unheard = unheardOf(message);
  if (unheard === null) return <MarkdownText text={message.text} />;
  return (
    <>
      <MarkdownText text={message.heard?.text ?? ""} />
      <div class="unheard">
        <span class="visually-hidden">Not heard:</span>
        <MarkdownText text={unheard} />
      </div>
    </>
  );
}

/** The part of a cut message that was not heard; null where nothing is known of it, or all was heard. */
function unheardOf(message: Message): string | null {
  const heard = message.heard?.text;
  if (heard == null || !message.text.startsWith(heard)) return null;
  return message.text.length > heard.length ? message.text.slice(heard.length) : null;
}

function markOf(message: Message): string | null {
  if (message.role === "assistant" && message.heard !== null) {
    if (message.heard.text === message.text && message.text !== "") return null; // All of its words were heard.
    if (message.heard.ms === 0) return "Interrupted before any of it was heard";
    return `Interrupted after ${duration(message.heard.ms)}${unheardOf(message) === null ? "" : "; the rest was not heard"}`;
  }
  if (message.role === "assistant" && message.status === "interrupted") return "Interrupted";
  return message.role === "assistant" && message.status === "failed" ? "Broke off" : null;
}
