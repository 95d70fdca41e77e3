/** Pages that say why stored calls are not shown, with the next step. */
import type { ComponentChildren, VNode } from "preact";
import { catalogue } from "../call/catalogue";
import { signInUrl, signOut } from "../transport/api";
import { Icon, type IconName } from "../ui/icons";
import { urlOf } from "../ui/page-address";

interface EmptyStateProps {
  icon: IconName;
  title: string;
  children: ComponentChildren;
}

/** A sentence in the place of a list. */
export function EmptyState({ icon, title, children }: EmptyStateProps): VNode {
  return (
    <section class="empty-state" aria-label={title}>
      <Icon name={icon} />
      <h2>{title}</h2>
      {children}
    </section>
  );
}

/** The page of a reader who is not an operator. */
export function NotOperator({ message }: { message: string }): VNode {
  const health = catalogue.value?.health;
  return (
    <EmptyState icon="lock" title="Stored calls are for operators">
      <p>{message}</p>
      <div class="empty-buttons">
        {health?.signed_in === true && (
          <button type="button" class="button button-primary" onClick={() => void signOut()}>
            Sign in as an operator
          </button>
        )}
        {health?.signed_in === false && (
          <a class="button button-primary" href={signInUrl().href}>
            Sign in as an operator
          </a>
        )}
        <a class="button" href={urlOf("./").href}>
          Open the console
        </a>
      </div>
    </EmptyState>
  );
}

/** The page of a server that stores no calls. */
export function NoStore({ message }: { message: string }): VNode {
  return (
    <EmptyState icon="calls" title="This server stores no calls">
      <p>{message}</p>
      <div class="empty-buttons">
        <a class="button" href={urlOf("./").href}>
          Open the console
        </a>
      </div>
    </EmptyState>
  );
}
