/** Documents that messages may cite: objects with an id in the results of tools. */

/** A document in a tool's result. */
export interface CitedDocument {
  id: string;
  /** Its name in the result; null if it has none. */
  name: string | null;
  /** Its text as paragraphs, or any other value. */
  content: readonly string[] | { value: unknown };
  /** The tool that returned it. */
  tool: string;
}

const MAX_DEPTH = 4;
const MAX_DOCUMENTS = 1000;
const IDS = ["id", "document_id"];
const NAMES = ["name", "title"];
const TEXTS = ["content", "text", "body"];

/** Return the known documents with those in a tool's result; a newer result replaces an older one. */
export function withDocuments(
  known: ReadonlyMap<string, CitedDocument>,
  tool: string,
  result: unknown,
): ReadonlyMap<string, CitedDocument> {
  const found: CitedDocument[] = [];
  collect(result, tool, 0, found);
  if (found.length === 0) return known;
  const documents = new Map(known);
  for (const document of found) documents.set(document.id, document);
  return documents;
}

function collect(value: unknown, tool: string, depth: number, found: CitedDocument[]): void {
  if (typeof value !== "object" || value === null || depth > MAX_DEPTH || found.length >= MAX_DOCUMENTS) return;
  if (Array.isArray(value)) {
    for (const one of value) collect(one, tool, depth + 1, found);
    return;
  }
  const fields = value as Record<string, unknown>;
  const id = IDS.map((name) => fields[name]).find((one) => typeof one === "string" && one !== "");
  if (typeof id === "string") {
    const name = NAMES.map((field) => fields[field]).find((one) => typeof one === "string" && one !== "");
    found.push({ id, name: typeof name === "string" ? name : null, content: contentOf(fields), tool });
  }
  for (const one of Object.values(fields)) collect(one, tool, depth + 1, found);
}

function contentOf(fields: Record<string, unknown>): CitedDocument["content"] {
  for (const name of TEXTS) {
    const text = fields[name];
    if (typeof text === "string") return text.split(/\n{2,}/);
    if (Array.isArray(text) && text.length > 0 && text.every((one) => typeof one === "string")) return text as string[];
  }
  return { value: fields };
}
