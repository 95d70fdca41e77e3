// @vitest-environment happy-dom
import { cleanup, fireEvent, render, screen } from "@testing-library/preact";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { useStickToBottom } from "../../src/ui/stick-to-bottom";

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

/** A list with heights that the test sets, as a browser's layout would. */
class Pane {
  element!: HTMLElement;
  top = 0;
  height = 200;
  whole = 1000;
  observed: () => void = () => undefined;

  render(): void {
    vi.stubGlobal("ResizeObserver", observerOf(this));
    render(<List />);
    this.element = screen.getByRole("feed");
    Object.defineProperties(this.element, {
      scrollTop: { get: () => this.top, set: (top: number) => (this.top = this.clamped(top)) },
      clientHeight: { get: () => this.height },
      scrollHeight: { get: () => this.whole },
    });
    this.scrolls();
  }

  /** Lay out the list: less content limits the position, as in a browser. */
  lays(height: number, whole: number): void {
    this.height = height;
    this.whole = whole;
    this.top = this.clamped(this.top);
  }

  /** Scroll as the reader, or only report the present layout; then report the new sizes. */
  scrolls(top = this.top): void {
    this.top = this.clamped(top);
    fireEvent.scroll(this.element);
    this.observed();
    fireEvent.scroll(this.element);
  }

  get fromEnd(): number {
    return this.whole - this.height - this.top;
  }

  private clamped(top: number): number {
    return Math.max(0, Math.min(top, this.whole - this.height));
  }
}

function observerOf(pane: Pane): unknown {
  return class {
    constructor(call: () => void) {
      pane.observed = call;
    }
    observe(): void {
      // The test calls the observer.
    }
    disconnect(): void {
      // The fake observes nothing.
    }
  };
}

function List() {
  const { container: frame, content, sticking: following, onScroll, stay } = useStickToBottom();
  return (
    <>
      <button type="button" onClick={stay}>
        stay
      </button>
      <div role="feed" ref={frame} onScroll={onScroll}>
        <div ref={content}>{following ? "sticking" : "reading"}</div>
      </div>
    </>
  );
}

describe("a list that sticks to its newest entry", () => {
  let pane: Pane;
  beforeEach(() => {
    pane = new Pane();
    pane.render();
  });

  it("stays at the end as it grows", () => {
    expect(pane.fromEnd).toBe(0);
    pane.lays(200, 1400);
    pane.scrolls();
    expect(pane.fromEnd).toBe(0);
    expect(screen.getByText("sticking")).toBeTruthy();
  });

  it("keeps its position after the reader scrolls up, and sticks again at the end", async () => {
    pane.scrolls(300);
    expect(await screen.findByText("reading")).toBeTruthy();
    pane.lays(200, 1400);
    pane.scrolls();
    expect(pane.top).toBe(300);
    pane.scrolls(1200);
    expect(await screen.findByText("sticking")).toBeTruthy();
  });

  it.each<[string, [number, number], [number, number]]>([
    ["the pane grows", [500, 1000], [500, 1400]],
    ["the content shrinks", [200, 700], [200, 900]],
  ])("stays at the end when %s and content arrives before the scroll event", async (_what, first, then) => {
    pane.lays(...first);
    pane.lays(...then);
    pane.scrolls();
    await new Promise((resolve) => setTimeout(resolve)); // until the next render
    expect(screen.getByText("sticking")).toBeTruthy();
    expect(pane.fromEnd).toBe(0);
  });

  it("stays at a place that it was led to, also at the end, until the reader scrolls", async () => {
    fireEvent.click(screen.getByRole("button"));
    pane.scrolls();
    expect(await screen.findByText("reading")).toBeTruthy();
    pane.lays(200, 1400);
    pane.scrolls();
    expect(pane.top).toBe(800);
    pane.scrolls(1200);
    expect(await screen.findByText("sticking")).toBeTruthy();
  });

  it("keeps its state while hidden", async () => {
    pane.scrolls(300);
    await screen.findByText("reading");
    pane.lays(0, 0);
    pane.scrolls();
    expect(screen.getByText("reading")).toBeTruthy();
  });
});
