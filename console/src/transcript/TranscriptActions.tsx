/** Buttons that copy or download the conversation, and the one that shows its timeline. */
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useEffect } from "preact/hooks";
import type { CallState } from "../call/call-state";
import { useCallerName } from "../timeline/caller-name";
import { copyToClipboard, downloadFile } from "../ui/export";
import { Icon } from "../ui/icons";
import { showTimeline, timelineShown } from "../ui/layout-state";
import { asJson, asText } from "./transcript-text";

const FEEDBACK_MS = 1600;

export function TranscriptActions({ timelineId, call }: { timelineId: string; call: CallState }): VNode {
  const callerName = useCallerName();
  const isEmpty = call.entries.length === 0;
  const name = `trunkline-${call.callId ?? "call"}`;
  return (
    <div class="pane-actions">
      <button
        type="button"
        class="button button-small"
        aria-label="Timeline"
        title="Timeline: who spoke when"
        aria-expanded={timelineShown.value}
        aria-controls={timelineShown.value ? timelineId : undefined}
        onClick={() => showTimeline(!timelineShown.peek())}
      >
        <Icon name="timeline" />
        <span class="label-wide">Timeline</span>
      </button>
      <CopyButton disabled={isEmpty} call={call} />
      <button
        type="button"
        class="button button-small"
        aria-label="Download text"
        title="The conversation as plain text"
        disabled={isEmpty}
        onClick={() =>
          downloadFile(`${name}.txt`, new Blob([asText(call, callerName)], { type: "text/plain;charset=utf-8" }))
        }
      >
        <Icon name="download" />
        <span>
          <span class="label-verb">Download </span>
          <span>text</span>
        </span>
      </button>
      <button
        type="button"
        class="button button-small"
        aria-label="Download JSON"
        title="The conversation and every event as JSON"
        disabled={isEmpty}
        onClick={() => downloadFile(`${name}.json`, new Blob([asJson(call)], { type: "application/json" }))}
      >
        <Icon name="download" />
        <span>
          <span class="label-verb">Download </span>
          <span>JSON</span>
        </span>
      </button>
    </div>
  );
}

function CopyButton({ disabled, call }: { disabled: boolean; call: CallState }): VNode {
  const callerName = useCallerName();
  const feedback = useSignal<"Copied!" | "Not allowed" | null>(null);
  useEffect(() => {
    if (feedback.value === null) return undefined;
    const timer = setTimeout(() => (feedback.value = null), FEEDBACK_MS);
    return () => clearTimeout(timer);
  }, [feedback.value]);
  const copy = async (): Promise<void> => {
    feedback.value = (await copyToClipboard(asText(call, callerName))) ? "Copied!" : "Not allowed";
  };
  return (
    <>
      <button
        type="button"
        class="button button-small"
        title="The conversation as plain text"
        disabled={disabled}
        onClick={() => void copy()}
      >
        <Icon name={feedback.value === "Copied!" ? "done" : "copy"} />
        {feedback.value ?? "Copy"}
      </button>
      <span class="visually-hidden" aria-live="polite">
        {feedback.value}
      </span>
    </>
  );
}
