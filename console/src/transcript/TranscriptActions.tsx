/** Buttons that copy or download the conversation. */
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useEffect } from "preact/hooks";
import { connection } from "../call/app-state";
import { copyToClipboard, downloadText } from "../ui/export";
import { Icon } from "../ui/icons";
import { asJson, asText } from "./transcript-text";

const SHOWN_MS = 1600;

export function TranscriptActions(): VNode {
  const none = connection.call.value.entries.length === 0;
  const name = `trunkline-${connection.call.value.callId ?? "call"}`;
  return (
    <div class="pane-actions">
      <CopyButton disabled={none} />
      <button
        type="button"
        class="button button-small"
        aria-label="Download text"
        title="The conversation as plain text"
        disabled={none}
        onClick={() => downloadText(`${name}.txt`, "text/plain;charset=utf-8", asText(connection.call.peek()))}
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
        disabled={none}
        onClick={() => downloadText(`${name}.json`, "application/json", asJson(connection.call.peek()))}
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

function CopyButton({ disabled }: { disabled: boolean }): VNode {
  const said = useSignal<"Copied!" | "Not allowed" | null>(null);
  useEffect(() => {
    if (said.value === null) return undefined;
    const timer = setTimeout(() => (said.value = null), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [said.value]);
  const copy = async (): Promise<void> => {
    said.value = (await copyToClipboard(asText(connection.call.peek()))) ? "Copied!" : "Not allowed";
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
        <Icon name={said.value === "Copied!" ? "done" : "copy"} />
        {said.value ?? "Copy"}
      </button>
      <span class="visually-hidden" aria-live="polite">
        {said.value}
      </span>
    </>
  );
}
