/** A reader's note on a moment of a stored call, and the form that writes one. */
import { useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Icon } from "../ui/icons";
import { Timestamp } from "../ui/Timestamp";
import { callTime } from "../ui/time";
import { messageOf } from "./call-list";
import type { CallNote } from "./calls-api";
import type { StoredCallModel } from "./stored-call";

interface NoteEntryProps {
  note: CallNote;
  model: StoredCallModel;
  startedAt: number | null;
}

export function NoteEntry({ note, model, startedAt }: NoteEntryProps): VNode {
  const problem = useSignal<string | null>(null);
  const remove = (): void => {
    problem.value = null;
    model.deleteNote(note.note_id).catch((error: unknown) => (problem.value = messageOf(error)));
  };
  return (
    <article class="note" aria-label={`Note at ${callTime(note.at_ms)}`}>
      <Icon name="flag" />
      <p class="note-text" dir="auto">
        {note.text}
        {problem.value !== null && (
          <span class="note-problem" role="alert">
            {problem.value}
          </span>
        )}
      </p>
      <Timestamp atMs={note.at_ms} startedAt={startedAt} />
      <button type="button" class="icon-button" aria-label="Delete this note" title="Delete this note" onClick={remove}>
        <Icon name="bin" />
      </button>
    </article>
  );
}

const MAX_CHARACTERS = 2000;

interface NoteFormProps {
  atMs: number;
  seq: number | null;
  model: StoredCallModel;
  close: () => void;
}

export function NoteForm({ atMs, seq, model, close }: NoteFormProps): VNode {
  const text = useSignal("");
  const problem = useSignal<string | null>(null);
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => input.current?.focus(), []);
  const save = async (): Promise<void> => {
    const words = text.peek().trim();
    if (words === "") return;
    try {
      await model.addNote(atMs, seq, words);
      close();
    } catch (error) {
      problem.value = messageOf(error);
    }
  };
  return (
    <form
      class="note-form"
      onSubmit={(event) => {
        event.preventDefault();
        void save();
      }}
      onKeyDown={(event) => {
        if (event.key !== "Escape") return;
        event.preventDefault();
        close();
      }}
    >
      <label>
        Note at {callTime(atMs)}
        <input
          ref={input}
          type="text"
          class="field-input"
          dir="auto"
          autocomplete="off"
          maxLength={MAX_CHARACTERS}
          value={text.value}
          onInput={(event) => (text.value = event.currentTarget.value)}
        />
      </label>
      <button type="submit" class="button button-primary button-small" disabled={text.value.trim() === ""}>
        Save note
      </button>
      <button type="button" class="button button-small" onClick={close}>
        Cancel
      </button>
      {problem.value !== null && (
        <p class="note-problem" role="alert">
          {problem.value}
        </p>
      )}
    </form>
  );
}
