/** Dialog before one call, or all calls, are deleted. */
import type { VNode } from "preact";
import { scenarioTitle } from "../call/catalogue";
import { ConfirmDialog } from "./ConfirmDialog";
import { whenOf } from "./call-words";
import type { CallSummary } from "./calls-api";

interface DeleteDialogProps {
  wanted: CallSummary | "all";
  model: { delete(callId: string): Promise<void>; deleteAll(): Promise<void> };
  close: () => void;
}

export function DeleteDialog({ wanted, model, close }: DeleteDialogProps): VNode {
  if (wanted === "all") {
    return (
      <ConfirmDialog
        title="Delete all stored calls?"
        action="Delete all calls"
        run={() => model.deleteAll()}
        close={close}
      >
        <p>
          This deletes the logs, the audio and the notes of every stored call, also of those that the filters hide.
          Running calls continue. It cannot be undone.
        </p>
      </ConfirmDialog>
    );
  }
  const { day, time } = whenOf(wanted.started_at, new Date());
  return (
    <ConfirmDialog
      title="Delete this call?"
      action="Delete the call"
      run={() => model.delete(wanted.call_id)}
      close={close}
    >
      <p>
        <strong dir="auto">{scenarioTitle(wanted.scenario)}</strong>, {day} {time}. This deletes its log, its audio and
        its notes. It cannot be undone.
      </p>
    </ConfirmDialog>
  );
}
