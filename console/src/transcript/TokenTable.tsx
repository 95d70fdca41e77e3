/** Tokens by kind, sound that is paid by time, and what they cost. */
import type { VNode } from "preact";
import type { Usage } from "../call/call-state";
import { count, dollars } from "../ui/numbers";
import { duration } from "../ui/time";

const KINDS = [
  ["input_text", "Text in"],
  ["input_audio", "Sound in"],
  ["cached_text", "of it text from the cache"],
  ["cached_audio", "of it sound from the cache"],
  ["output_text", "Text out"],
  ["output_audio", "Sound out"],
] as const;

export function TokenTable({ usage }: { usage: Usage }): VNode {
  return (
    <dl class="figures-list">
      {KINDS.map(([kind, words]) => {
        const tokens = usage.tokens[kind];
        return tokens ? [<dt key={`${kind}-name`}>{words}</dt>, <dd key={kind}>{count(tokens)} tokens</dd>] : null;
      })}
      {usage.seconds > 0 && (
        <>
          <dt>Sound transcribed</dt>
          <dd>{duration(1000 * usage.seconds)}</dd>
        </>
      )}
      <dt>Cost</dt>
      <dd>{usage.cost === null ? "no price known" : dollars(usage.cost)}</dd>
    </dl>
  );
}
