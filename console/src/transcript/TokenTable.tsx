/** Tokens by kind, transcribed audio that is billed by duration, and the cost. */
import type { VNode } from "preact";
import type { Usage } from "../call/call-state";
import { count, dollars } from "../ui/numbers";
import { duration } from "../ui/time";

const KINDS = [
  ["input_text", "Text in"],
  ["input_audio", "Audio in"],
  ["cached_text", "of which cached text"],
  ["cached_audio", "of which cached audio"],
  ["output_text", "Text out"],
  ["output_audio", "Audio out"],
] as const;

export function TokenTable({ usage }: { usage: Usage }): VNode {
  return (
    <dl class="metrics-list">
      {KINDS.map(([kind, label]) => {
        const tokens = usage.tokens[kind];
        return tokens ? [<dt key={`${kind}-name`}>{label}</dt>, <dd key={kind}>{count(tokens)} tokens</dd>] : null;
      })}
      {usage.seconds > 0 && (
        <>
          <dt>Audio transcribed</dt>
          <dd>{duration(1000 * usage.seconds)}</dd>
        </>
      )}
      <dt>Cost</dt>
      <dd>{usage.cost === null ? "price unknown" : dollars(usage.cost)}</dd>
    </dl>
  );
}
