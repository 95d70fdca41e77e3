/** Parser for a small, safe subset of Markdown: text in, a tree of plain data out. Unknown markup stays text. */

export type Inline =
  | { type: "text"; text: string }
  | { type: "break" }
  | { type: "code"; text: string }
  | { type: "strong" | "em"; children: Inline[] }
  | { type: "link"; href: string; children: Inline[] }
  /** A link to no address, such as `[Handset Policy](NT-040)`: `id` may name a document. */
  | { type: "citation"; id: string; label: string; source: string };

export type Block =
  | { type: "paragraph"; children: Inline[] }
  | { type: "heading"; level: number; children: Inline[] }
  | { type: "quote"; blocks: Block[] }
  | { type: "code"; text: string }
  | { type: "list"; ordered: boolean; start: number; items: Inline[][] };

const HEADING = /^\s{0,3}(#{1,6})\s+(.*?)(?:\s+#+)?\s*$/;
const QUOTE = /^\s{0,3}>\s?(.*)$/;
const MAX_QUOTES = 4;
const FENCE = /^\s*```/;
const BULLET = /^\s{0,3}[-*+]\s+(.*)$/;
const NUMBER = /^\s{0,3}(\d{1,9})[.)]\s+(.*)$/;

/** Parse a text into blocks. Unfinished markup, as in a streaming text, stays text. */
export function parseMarkdown(text: string, quotes = 0): Block[] {
  const lines = text.replaceAll("\r\n", "\n").split("\n");
  const blocks: Block[] = [];
  let paragraph: string[] = [];
  const flush = (): void => {
    if (paragraph.length > 0) blocks.push({ type: "paragraph", children: inlines(paragraph.join("\n")) });
    paragraph = [];
  };
  for (let index = 0; index < lines.length; index += 1) {
    const line = lines[index] ?? "";
    if (FENCE.test(line)) {
      flush();
      const end = lines.findIndex((other, at) => at > index && FENCE.test(other));
      const stop = end === -1 ? lines.length : end;
      blocks.push({ type: "code", text: lines.slice(index + 1, stop).join("\n") });
      index = stop;
    } else if (HEADING.test(line)) {
      flush();
      const [, marks = "", title = ""] = HEADING.exec(line) ?? [];
      blocks.push({ type: "heading", level: marks.length, children: inlines(title) });
    } else if (QUOTE.test(line) && quotes < MAX_QUOTES) {
      flush();
      const end = lines.findIndex((other, at) => at > index && !QUOTE.test(other));
      const stop = end === -1 ? lines.length : end;
      const quoted = lines.slice(index, stop).map((other) => QUOTE.exec(other)?.[1] ?? "");
      blocks.push({ type: "quote", blocks: parseMarkdown(quoted.join("\n"), quotes + 1) });
      index = stop - 1;
    } else if (BULLET.test(line) || NUMBER.test(line)) {
      flush();
      addItem(blocks, line, index > 0 && (lines[index - 1] ?? "").trim() === "");
    } else if (line.trim() === "") {
      flush();
    } else {
      paragraph.push(line);
    }
  }
  flush();
  return blocks;
}

function addItem(blocks: Block[], line: string, apart: boolean): void {
  const bullet = BULLET.exec(line);
  const number = bullet ? null : NUMBER.exec(line);
  const ordered = number !== null;
  const item = inlines((number ? number[2] : bullet?.[1]) ?? "");
  const last = blocks.at(-1);
  if (last?.type === "list" && last.ordered === ordered && !(apart && !ordered)) last.items.push(item);
  else blocks.push({ type: "list", ordered, start: number ? Number(number[1]) : 1, items: [item] });
}

/** Code first, since it contains no markup; then links, then emphasis. Underscores count only at a word's edge. */
const INLINE = new RegExp(
  [
    String.raw`(?<ticks>\`+)(?<code>[^\`](?:.{0,2000}?[^\`])?)\k<ticks>(?!\`)`,
    String.raw`\[(?<label>[^\]\n]{1,500})\]\((?<target>[^\s()]{1,2000}(?:\([^\s()]*\)[^\s()]*)?)\)`,
    String.raw`(?<bare>https?:\/\/[^\s<>"'\x60*]{1,2000})`,
    String.raw`\*\*(?<bold>\S(?:[^\n]{0,2000}?\S)?)\*\*`,
    String.raw`(?<!\w)__(?<bold2>\S(?:[^\n]{0,2000}?\S)?)__(?!\w)`,
    String.raw`\*(?<it>[^\s*](?:[^*\n]{0,2000}[^\s*])?)\*`,
    String.raw`(?<!\w)_(?<it2>[^\s_](?:[^_\n]{0,2000}[^\s_])?)_(?!\w)`,
    String.raw`(?<br>\n)`,
  ].join("|"),
  "g",
);

/** Parse the inline markup of a text. */
export function inlines(text: string, depth = 0): Inline[] {
  const found: Inline[] = [];
  let from = 0;
  const plain = (until: number): void => {
    if (until > from) found.push({ type: "text", text: text.slice(from, until) });
  };
  for (const match of text.matchAll(INLINE)) {
    const part = inlineOf(match.groups ?? {}, depth);
    if (part === null) continue;
    plain(match.index);
    found.push(part.node);
    from = match.index + match[0].length - part.leftOver;
  }
  plain(text.length);
  return found;
}

function inlineOf(
  groups: Record<string, string | undefined>,
  depth: number,
): { node: Inline; leftOver: number } | null {
  const whole = (node: Inline): { node: Inline; leftOver: number } => ({ node, leftOver: 0 });
  const inside = (text: string): Inline[] => (depth < 4 ? inlines(text, depth + 1) : [{ type: "text", text }]);
  const bold = groups.bold ?? groups.bold2;
  const italic = groups.it ?? groups.it2;
  if (groups.br !== undefined) return whole({ type: "break" });
  if (groups.code !== undefined) return whole({ type: "code", text: groups.code });
  if (bold !== undefined) return whole({ type: "strong", children: inside(bold) });
  if (italic !== undefined) return whole({ type: "em", children: inside(italic) });
  if (groups.label !== undefined) {
    const { label, target = "" } = groups;
    const href = safeHref(target);
    if (href === null) return whole({ type: "citation", id: target, label, source: `[${label}](${target})` });
    return whole({ type: "link", href, children: [{ type: "text", text: label }] });
  }
  const bare = groups.bare ?? "";
  const trimmed = bare.replace(/[.,;:!?)\]]+$/, "");
  const href = safeHref(trimmed);
  if (href === null) return null;
  return {
    node: { type: "link", href, children: [{ type: "text", text: trimmed }] },
    leftOver: bare.length - trimmed.length,
  };
}

/** Return the normalized address if its scheme is http or https; null otherwise. */
export function safeHref(address: string): string | null {
  try {
    const url = new URL(address);
    return url.protocol === "http:" || url.protocol === "https:" ? url.href : null;
  } catch {
    return null;
  }
}
