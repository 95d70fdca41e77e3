/** The facts of a call in the header of its page. */
import type { VNode } from "preact";
import { urlOf } from "../ui/page-address";
import { duration } from "../ui/time";
import { outcomeOf, STATUS_NAMES, whenOf } from "./call-words";
import type { CallSummary } from "./calls-api";

export function CallFacts({ summary, title }: { summary: CallSummary; title: string }): VNode {
  const when = whenOf(summary.started_at, new Date());
  return (
    <div class="call-facts">
      <a class="calls-back" href={urlOf("calls").href}>
        Calls
      </a>
      <h1 dir="auto" title={title}>
        {title}
      </h1>
      <span class={`call-status call-status-${summary.status}`} title={outcomeOf(summary)}>
        {STATUS_NAMES[summary.status]}
      </span>
      <span class="call-facts-more">
        <time title={when.title} dateTime={summary.started_at}>
          {when.day} {when.time}
        </time>
        {!summary.live && summary.duration_ms !== null && <span>{duration(summary.duration_ms)}</span>}
        {summary.provider !== null && <span title="Provider">{summary.provider}</span>}
        {!summary.live && outcomeOf(summary) !== "" && <span class="call-facts-outcome">{outcomeOf(summary)}</span>}
      </span>
    </div>
  );
}
