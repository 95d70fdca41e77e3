/** Markdown rendered as a fixed set of elements; text never becomes markup. */
import type { ComponentChild, VNode } from "preact";
import { type Block, type Inline, parseMarkdown } from "./markdown";

/** Return the element for a citation of the document `id`; null if the document is unknown. */
export type Cite = (id: string, label: string) => VNode | null;

interface MarkdownTextProps {
  text: string;
  /** Without it, citations are text. */
  cite?: Cite | undefined;
}

export function MarkdownText({ text, cite = () => null }: MarkdownTextProps): VNode {
  return <>{parseMarkdown(text).map((part, key) => block(part, key, cite))}</>;
}

function block(part: Block, key: number, cite: Cite): ComponentChild {
  const content = (children: readonly Inline[]): ComponentChild[] => children.map((one, at) => inline(one, at, cite));
  switch (part.type) {
    case "paragraph":
      return (
        <p key={key} dir="auto">
          {content(part.children)}
        </p>
      );
    case "heading": {
      // The transcript itself is below a heading of level 3.
      const Heading = (["h4", "h5", "h6"] as const)[Math.min(part.level, 3) - 1] ?? "h6";
      return (
        <Heading key={key} dir="auto">
          {content(part.children)}
        </Heading>
      );
    }
    case "quote":
      return <blockquote key={key}>{part.blocks.map((one, at) => block(one, at, cite))}</blockquote>;
    case "code":
      return (
        <pre key={key} dir="ltr">
          <code>{part.text}</code>
        </pre>
      );
    case "list": {
      const items = part.items.map((item, index) => (
        <li key={index} dir="auto">
          {content(item)}
        </li>
      ));
      return part.ordered ? (
        <ol key={key} start={part.start}>
          {items}
        </ol>
      ) : (
        <ul key={key}>{items}</ul>
      );
    }
  }
}

function inline(part: Inline, key: number, cite: Cite): ComponentChild {
  const content = (children: readonly Inline[]): ComponentChild[] => children.map((one, at) => inline(one, at, cite));
  switch (part.type) {
    case "text":
      return part.text;
    case "break":
      return <br key={key} />;
    case "code":
      return <code key={key}>{part.text}</code>;
    case "strong":
      return <strong key={key}>{content(part.children)}</strong>;
    case "em":
      return <em key={key}>{content(part.children)}</em>;
    case "link":
      return (
        <a key={key} href={part.href} target="_blank" rel="noopener noreferrer">
          {content(part.children)}
        </a>
      );
    case "citation":
      return cite(part.id, part.label) ?? part.source;
  }
}
