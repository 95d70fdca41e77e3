/** Components that are drawn again only when one of their properties is another one. */
import { Component, type ComponentChild, type FunctionComponent } from "preact";

export function unchanging<P extends object>(draw: (props: P) => ComponentChild): FunctionComponent<P> {
  class Unchanging extends Component<P> {
    override shouldComponentUpdate(next: P): boolean {
      const keys = Object.keys(next) as (keyof P)[];
      return keys.some((key) => next[key] !== (this.props as P)[key]);
    }
    override render(): ComponentChild {
      return draw(this.props as P);
    }
  }
  return Unchanging as unknown as FunctionComponent<P>;
}
