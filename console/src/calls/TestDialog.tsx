/** Dialog with the pytest file that repeats a call. */
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import { copyToClipboard, downloadFile } from "../ui/export";
import { Icon } from "../ui/icons";
import { messageOf } from "./call-list";
import { testOf } from "./calls-api";

export function TestDialog({ callId, close }: { callId: string; close: () => void }): VNode {
  const dialog = useRef<HTMLDialogElement>(null);
  const titleId = useId();
  const text = useSignal<string | null>(null);
  const problem = useSignal<string | null>(null);
  const copied = useSignal(false);
  useEffect(() => {
    if (dialog.current && !dialog.current.open) dialog.current.showModal();
    testOf(callId).then(
      (found) => (text.value = found),
      (error: unknown) => (problem.value = messageOf(error)),
    );
  }, [callId]);
  const file = `test_${callId.replace(/\W+/g, "_")}.py`;
  return (
    <dialog ref={dialog} class="dialog dialog-wide" aria-labelledby={titleId} onClose={close}>
      <h2 id={titleId}>A test from this call</h2>
      <p class="dialog-text">
        It says the caller's turns to today's agents, and compares what they do. Remove what does not matter, then save
        it among your tests as <code>{file}</code>.
      </p>
      {problem.value !== null && (
        <p class="dialog-problem" role="alert">
          {problem.value}
        </p>
      )}
      {problem.value === null && (
        <pre class="json test-code" tabIndex={0} aria-busy={text.value === null}>
          {text.value ?? "Writing the test…"}
        </pre>
      )}
      <div class="dialog-buttons">
        <button type="button" class="button" onClick={() => dialog.current?.close()}>
          Close
        </button>
        <button
          type="button"
          class="button"
          disabled={text.value === null}
          onClick={() => void copyToClipboard(text.peek() ?? "").then((done) => (copied.value = done))}
        >
          <Icon name={copied.value ? "done" : "copy"} />
          {copied.value ? "Copied!" : "Copy"}
        </button>
        <button
          type="button"
          class="button button-primary"
          disabled={text.value === null}
          onClick={() => downloadFile(file, new Blob([text.peek() ?? ""], { type: "text/x-python;charset=utf-8" }))}
        >
          <Icon name="download" />
          Download
        </button>
      </div>
    </dialog>
  );
}
