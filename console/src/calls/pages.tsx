/** Pages of stored calls, in a script of their own: the console of a live call does not load them. */
import { render, type VNode } from "preact";
import { loadCatalogue } from "../call/catalogue";
import type { Page } from "../ui/page-address";
import { CallsPage } from "./CallsPage";
import { CallListModel } from "./call-list";
import { StoredCallPage } from "./StoredCallPage";
import { StoredCallModel } from "./stored-call";
import "./calls.css";
import "./player.css";

export function open(root: HTMLElement, page: Exclude<Page, { name: "live" }>): void {
  document.title = "Calls · Trunkline";
  render(pageFor(page), root);
  void loadCatalogue();
}

function pageFor(page: Exclude<Page, { name: "live" }>): VNode {
  return page.name === "calls" ? (
    <CallsPage model={new CallListModel()} />
  ) : (
    <StoredCallPage model={new StoredCallModel(page.callId)} />
  );
}
