// @vitest-environment happy-dom
import { cleanup, render, screen } from "@testing-library/preact";
import { afterEach, describe, expect, it } from "vitest";
import { MarkdownText } from "../../src/transcript/MarkdownText";
import { safeHref } from "../../src/transcript/markdown";

afterEach(cleanup);

const html = (text: string): string => render(<MarkdownText text={text} />).container.innerHTML;

describe("Markdown", () => {
  it.each([
    ["plain words", '<p dir="auto">plain words</p>'],
    ["one\ntwo", '<p dir="auto">one<br>two</p>'],
    ["one\n\ntwo", '<p dir="auto">one</p><p dir="auto">two</p>'],
    ["**bold** and *slanted*", '<p dir="auto"><strong>bold</strong> and <em>slanted</em></p>'],
    ["**bold with `code`**", '<p dir="auto"><strong>bold with <code>code</code></strong></p>'],
    ["`**not bold**`", '<p dir="auto"><code>**not bold**</code></p>'],
    ["- one\n- two", '<ul><li dir="auto">one</li><li dir="auto">two</li></ul>'],
    ["2. two\n3. three", '<ol start="2"><li dir="auto">two</li><li dir="auto">three</li></ol>'],
    ["```js\nlet a = 1;\n```", '<pre dir="ltr"><code>let a = 1;</code></pre>'],
  ])("renders %j", (text, expected) => {
    expect(html(text)).toBe(expected);
  });

  it("keeps characters that are not markup", () => {
    for (const text of ["2 * 3 * 4", "snake_case_name", "**still growing", "a*", "[NAME](ID)", "5 < 6 && 7 > 6"]) {
      const { container } = render(<MarkdownText text={text} />);
      expect(container.textContent).toBe(text);
      expect(container.querySelectorAll("em, strong, a, code")).toHaveLength(0);
    }
  });

  it("links only to http and https, without a referrer", () => {
    const { container } = render(<MarkdownText text="[shop](https://example.com/a) and http://example.com/b." />);
    const links = [...container.querySelectorAll("a")];
    expect(links.map((link) => link.getAttribute("href"))).toEqual(["https://example.com/a", "http://example.com/b"]);
    expect(links.every((link) => link.rel === "noopener noreferrer")).toBe(true);
    expect(container.textContent).toBe("shop and http://example.com/b.");
  });

  it.each([
    "javascript:alert(1)",
    "data:text/html,x",
    "vbscript:x",
    "//example.com",
    "/path",
    " javascript:x",
    "java\nscript:x",
  ])("does not link to %j", (address) => {
    expect(safeHref(address)).toBeNull();
    expect(render(<MarkdownText text={`[click](${address})`} />).container.querySelector("a")).toBeNull();
  });

  it("never renders HTML in the text", () => {
    const text = '<img src=x onerror="alert(1)"> **<script>alert(2)</script>** [<b>x</b>](https://example.com)';
    const { container } = render(<MarkdownText text={text} />);
    expect(container.querySelectorAll("img, script, b")).toHaveLength(0);
    expect(container.textContent).toContain('<img src=x onerror="alert(1)">');
  });

  it("parses hostile text in linear time", () => {
    const began = performance.now();
    for (const text of [
      "*".repeat(16_000),
      "`".repeat(16_000),
      "**a ".repeat(4000),
      "[".repeat(16_000),
      "_a".repeat(8000),
    ])
      html(text);
    expect(performance.now() - began).toBeLessThan(2000);
  });
});

it("renders headings below those of the page, and quotes with their own blocks", () => {
  render(<MarkdownText text={"# Plans\n> First\n> - **one**\n\nEnd #1"} />);
  expect(screen.getByRole("heading", { level: 4 }).textContent).toBe("Plans");
  const quote = document.querySelector("blockquote");
  expect(quote?.querySelector("p")?.textContent).toBe("First");
  expect(quote?.querySelector("li strong")?.textContent).toBe("one");
  expect(screen.getByText("End #1").tagName).toBe("P");
});

it("limits the depth of quotes", () => {
  render(<MarkdownText text={`${">".repeat(40)} deep`} />);
  expect(document.querySelectorAll("blockquote").length).toBeLessThan(6);
  expect(document.body.textContent).toContain("deep");
});
