/** Header of the pages of stored calls. */
import type { ComponentChildren, VNode } from "preact";
import { SignOutButton, ThemeButton } from "../call/Header";
import { Mark } from "../ui/icons";
import { urlOf } from "../ui/page-address";

export function CallsHeader({ children }: { children: ComponentChildren }): VNode {
  return (
    <header class="header calls-header">
      <a class="brand" href={urlOf("./").href} title="The console">
        <Mark />
        Trunkline
      </a>
      {children}
      <div class="header-buttons">
        <SignOutButton />
        <ThemeButton />
      </div>
    </header>
  );
}
