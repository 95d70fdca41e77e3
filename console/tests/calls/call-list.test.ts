import { describe, expect, it } from "vitest";
import { NO_FILTERS } from "../../src/calls/call-filters";
import { appended, CallListModel, refreshed } from "../../src/calls/call-list";
import type { CallList, CallSummary } from "../../src/calls/calls-api";
import { ApiError } from "../../src/transport/api";
import { summary } from "./summary";

type Answer = CallList | ApiError | Promise<CallList>;

/** A list whose requests get these answers, in order. */
function listWith(...answers: Answer[]): { model: CallListModel; asked: string[] } {
  const asked: string[] = [];
  const model = new CallListModel(async (filters, cursor) => {
    asked.push(`${filters} ${cursor ?? "first"}`);
    const answer = answers.shift();
    if (answer === undefined || answer instanceof ApiError) throw answer ?? new Error("no more answers");
    return answer;
  });
  return { model, asked };
}

const ids = (calls: readonly CallSummary[]): string[] => calls.map(({ call_id }) => call_id);

describe("the list of calls", () => {
  it("grows by the server's cursor up to its end", async () => {
    const { model, asked } = listWith(
      { calls: [summary("c3"), summary("c2")], next: "after-c2" },
      { calls: [summary("c1")], next: null },
    );
    await model.load(NO_FILTERS);
    await model.loadMore();
    await model.loadMore();
    expect(ids(model.calls.value)).toEqual(["c3", "c2", "c1"]);
    expect(asked).toEqual([" first", " after-c2"]);
  });

  it("shows running calls once, on top", async () => {
    const running = summary("c4", { live: true, status: "running" });
    const { model } = listWith({ calls: [running, summary("c3")], next: null, live: [running] });
    await model.load(NO_FILTERS);
    expect([ids(model.live.value), ids(model.calls.value)]).toEqual([["c4"], ["c3"]]);
  });

  it("moves a call to the stored ones when it has ended", async () => {
    const { model } = listWith(
      { calls: [summary("c1")], next: "after-c1", live: [summary("c2", { live: true })] },
      { calls: [summary("c2"), summary("c1")], next: "after-c1", live: [] },
    );
    await model.load(NO_FILTERS);
    await model.refresh();
    expect([ids(model.live.value), ids(model.calls.value)]).toEqual([[], ["c2", "c1"]]);
    expect(model.next.value).toBe("after-c1");
  });

  it("drops the answer to filters that were changed meanwhile", async () => {
    let answer: (list: CallList) => void = () => undefined;
    const late = new Promise<CallList>((resolve) => {
      answer = resolve;
    });
    const { model } = listWith(late, { calls: [summary("c2")], next: null });
    const first = model.load(NO_FILTERS);
    await model.load({ ...NO_FILTERS, q: "board" });
    answer({ calls: [summary("c1")], next: null });
    await first;
    expect(ids(model.calls.value)).toEqual(["c2"]);
  });

  it("stays as a partial list if its next part fails, and can go on", async () => {
    const { model } = listWith(
      { calls: [summary("c2")], next: "more" },
      new ApiError("The server cannot be reached.", 0, "unreachable"),
      { calls: [summary("c1")], next: null },
    );
    await model.load(NO_FILTERS);
    await model.loadMore();
    expect(model.more.value).toEqual({ name: "failed", message: "The server cannot be reached." });
    expect(ids(model.calls.value)).toEqual(["c2"]);
    await model.loadMore();
    expect(ids(model.calls.value)).toEqual(["c2", "c1"]);
  });

  it("says that it is not up to date while the server cannot be reached", async () => {
    const { model } = listWith(
      { calls: [summary("c1")], next: null },
      new ApiError("The server cannot be reached.", 0, "unreachable"),
      { calls: [summary("c1")], next: null },
    );
    await model.load(NO_FILTERS);
    await model.refresh();
    expect(model.stale.value).toBe("The server cannot be reached.");
    await model.refresh();
    expect(model.stale.value).toBeNull();
  });

  it.each([
    [new ApiError("Set TRUNKLINE_STORE.", 404, "no_store"), "no-store"],
    [new ApiError("For operators.", 403, "not_an_operator"), "not-operator"],
    [new ApiError("Broken.", 500, "broken"), "failed"],
  ])("tells apart why there is no list: %s", async (error, name) => {
    const { model } = listWith(error);
    await model.load(NO_FILTERS);
    expect(model.phase.value).toEqual({ name, message: error.message });
  });
});

it("keeps a call in its place when a part repeats it", () => {
  expect(ids(appended([summary("c2")], [summary("c2"), summary("c1")]))).toEqual(["c2", "c1"]);
});

it("puts a call that ended late at its start time", () => {
  const list = [summary("c3"), summary("c1")];
  expect(ids(refreshed(list, [summary("c3"), summary("c2"), summary("c1")]))).toEqual(["c3", "c2", "c1"]);
});
