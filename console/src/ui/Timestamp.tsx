/** Time of day to the millisecond. */
import type { VNode } from "preact";
import { fullTime, timeOfDay } from "./time";

export function Timestamp({ atMs, startedAt }: { atMs: number; startedAt: number | null }): VNode {
  const { title, iso } = fullTime(startedAt, atMs);
  return (
    <time class="timestamp" title={title} dateTime={iso}>
      {timeOfDay(startedAt, atMs)}
    </time>
  );
}
