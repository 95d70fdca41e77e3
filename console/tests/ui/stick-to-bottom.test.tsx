import { cleanup, fireEvent, render, screen } from "@testing-library/preact";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { useFollow } from "../../src/ui/stick-to-bottom";

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

/** A list of which the test decides how high it and its content are, as a browser's layout would. */
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

  /** The browser lays out: where there is less to scroll, the position gives way. */
  lays(height: number, whole: number): void {
    this.height = height;
    this.whole = whole;
    this.top = this.clamped(this.top);
  }

  /** The reader scrolls, or the browser only tells of what has come of its layout; then it tells of the new sizes. */
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
      // The test says when.
    }
    disconnect(): void {
      // Nothing is observed.
    }
  };
}

function List() {
  const { frame, content, following, onScroll } = useFollow();
  return (
    <div role="feed" ref={frame} onScroll={onScroll}>
      <div ref={content}>{following ? "following" : "reading"}</div>
    </div>
  );
}

describe("a list that follows its newest entry", () => {
  let pane: Pane;
  beforeEach(() => {
    pane = new Pane();
    pane.render();
  });

  it("is at the end, and stays there as it grows", () => {
    expect(pane.fromEnd).toBe(0);
    pane.lays(200, 1400);
    pane.scrolls();
    expect(pane.fromEnd).toBe(0);
    expect(screen.getByText("following")).toBeTruthy();
  });

  it("stands still once the reader scrolls up, and goes on from the end", async () => {
    pane.scrolls(300);
    expect(await screen.findByText("reading")).toBeTruthy();
    pane.lays(200, 1400);
    pane.scrolls();
    expect(pane.top).toBe(300);
    pane.scrolls(1200);
    expect(await screen.findByText("following")).toBeTruthy();
  });

  it.each<[string, [number, number], [number, number]]>([
    ["the pane has grown", [500, 1000], [500, 1400]],
    ["what is in it has become shorter", [200, 700], [200, 900]],
  ])("goes on when %s and more has come before the browser told", async (_what, first, then) => {
    pane.lays(...first);
    pane.lays(...then);
    pane.scrolls();
    await new Promise((resolve) => setTimeout(resolve)); // until it would be drawn anew
    expect(screen.getByText("following")).toBeTruthy();
    expect(pane.fromEnd).toBe(0);
  });

  it("does not take being hidden for reading, nor for being at the end", async () => {
    pane.scrolls(300);
    await screen.findByText("reading");
    pane.lays(0, 0);
    pane.scrolls();
    expect(screen.getByText("reading")).toBeTruthy();
  });
});
