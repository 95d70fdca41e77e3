/** Time since the call's start; its title has the time of day, to the millisecond. */
import type { VNode } from "preact";
import { callTime, fullTime } from "./time";

export function Timestamp({ atMs, startedAt }: { atMs: number; startedAt: number | null }): VNode {
  const { title, iso } = fullTime(startedAt, atMs);
  return (
    <time class="timestamp" title={title} dateTime={iso}>
      {callTime(atMs)}
    </time>
  );
}
