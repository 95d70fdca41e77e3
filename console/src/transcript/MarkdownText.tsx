/** Markdown rendered as a fixed set of elements; text never becomes markup. */
import type { ComponentChild, VNode } from "preact";
import { type Block, type Inline, parseMarkdown } from "./markdown";

export function MarkdownText({ text }: { text: string }): VNode {
  return <>{parseMarkdown(text).map(block)}</>;
}

function block(part: Block, key: number): ComponentChild {
  switch (part.type) {
    case "paragraph":
      return (
        <p key={key} dir="auto">
          {part.children.map(inline)}
        </p>
      );
    case "heading": {
      // The transcript itself is below a heading of level 3.
      const Heading = (["h4", "h5", "h6"] as const)[Math.min(part.level, 3) - 1] ?? "h6";
      return (
        <Heading key={key} dir="auto">
          {part.children.map(inline)}
        </Heading>
      );
    }
    case "quote":
      return <blockquote key={key}>{part.blocks.map(block)}</blockquote>;
    case "code":
      return (
        <pre key={key} dir="ltr">
          <code>{part.text}</code>
        </pre>
      );
    case "list": {
      const items = part.items.map((item, index) => (
        <li key={index} dir="auto">
          {item.map(inline)}
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

function inline(part: Inline, key: number): ComponentChild {
  switch (part.type) {
    case "text":
      return part.text;
    case "break":
      return <br key={key} />;
    case "code":
      return <code key={key}>{part.text}</code>;
    case "strong":
      return <strong key={key}>{part.children.map(inline)}</strong>;
    case "em":
      return <em key={key}>{part.children.map(inline)}</em>;
    case "link":
      return (
        <a key={key} href={part.href} target="_blank" rel="noopener noreferrer">
          {part.children.map(inline)}
        </a>
      );
  }
}
