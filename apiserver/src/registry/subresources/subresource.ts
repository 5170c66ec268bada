import type { Handler } from "../handler.ts";

/** What a subresource can do, by verb, and the kind it speaks when that is not its parent's. */
export interface Subresource {
  readonly verbs: Readonly<Record<string, Handler>>;
  readonly kind?: { readonly group: string; readonly version: string; readonly kind: string } | undefined;
  /** A stream or a proxy. */
  readonly connect?: boolean | undefined;
}
