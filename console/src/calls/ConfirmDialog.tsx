/** Dialog that asks before something is deleted. */
import { useSignal } from "@preact/signals";
import type { ComponentChildren, VNode } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import { messageOf } from "./call-list";

interface ConfirmDialogProps {
  title: string;
  /** The button that deletes. */
  action: string;
  run: () => Promise<void>;
  close: () => void;
  children: ComponentChildren;
}

export function ConfirmDialog({ title, action, run, close, children }: ConfirmDialogProps): VNode {
  const dialog = useRef<HTMLDialogElement>(null);
  const titleId = useId();
  const busy = useSignal(false);
  const problem = useSignal<string | null>(null);
  useEffect(() => {
    if (dialog.current && !dialog.current.open) dialog.current.showModal();
  }, []);
  const confirm = async (): Promise<void> => {
    busy.value = true;
    problem.value = null;
    try {
      await run();
      close();
    } catch (error) {
      problem.value = messageOf(error);
    } finally {
      busy.value = false;
    }
  };
  return (
    <dialog ref={dialog} class="dialog" aria-labelledby={titleId} onClose={close}>
      <h2 id={titleId}>{title}</h2>
      <div class="dialog-text">{children}</div>
      {problem.value !== null && (
        <p class="dialog-problem" role="alert">
          {problem.value}
        </p>
      )}
      <div class="dialog-buttons">
        <button type="button" class="button" onClick={() => dialog.current?.close()}>
          Cancel
        </button>
        <button type="button" class="button button-danger" disabled={busy.value} onClick={() => void confirm()}>
          {busy.value ? "Deleting…" : action}
        </button>
      </div>
    </dialog>
  );
}
