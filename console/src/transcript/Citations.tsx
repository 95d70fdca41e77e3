/** Citations of a message: chips in its text, and the opened document below it. */
import { type Signal, useSignal } from "@preact/signals";
import type { VNode } from "preact";
import { useId } from "preact/hooks";
import type { CitedDocument } from "../call/cited-documents";
import { Icon } from "../ui/icons";
import { Json } from "../ui/Json";
import type { Cite } from "./MarkdownText";

export type Documents = ReadonlyMap<string, CitedDocument>;

interface Citations {
  cite: Cite;
  /** The opened document; null while none is open. */
  panel: VNode | null;
}

/** Return the chips for the citations of a message, and the panel of the opened document. */
export function useCitations(documents: Documents): Citations {
  const opened = useSignal<string | null>(null);
  const panelId = useId();
  const shown = opened.value === null ? undefined : documents.get(opened.value);
  const cite: Cite = (id, label) =>
    documents.has(id) ? <CitationChip key={id} id={id} label={label} opened={opened} panelId={panelId} /> : null;
  return { cite, panel: shown ? <DocumentPanel id={panelId} document={shown} /> : null };
}

interface CitationChipProps {
  id: string;
  label: string;
  opened: Signal<string | null>;
  panelId: string;
}

function CitationChip({ id, label, opened, panelId }: CitationChipProps): VNode {
  const isOpen = opened.value === id;
  return (
    <button
      type="button"
      class="citation"
      title={`Document ${id}`}
      aria-expanded={isOpen}
      aria-controls={isOpen ? panelId : undefined}
      onClick={() => (opened.value = isOpen ? null : id)}
    >
      <Icon name="document" />
      <bdi>{label}</bdi>
    </button>
  );
}

function DocumentPanel({ id, document }: { id: string; document: CitedDocument }): VNode {
  const { content } = document;
  return (
    <section class="cited-document" id={id} aria-label={`Document ${document.id}`}>
      <header>
        <h4 dir="auto">{document.name ?? document.id}</h4>
        <span class="muted">
          <bdi>{document.id}</bdi> · from <code>{document.tool}</code>
        </span>
      </header>
      {"value" in content ? (
        <Json value={content.value} />
      ) : (
        content.map((paragraph, index) => (
          <p key={index} dir="auto">
            {paragraph}
          </p>
        ))
      )}
    </section>
  );
}
