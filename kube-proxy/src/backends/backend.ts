import type { Fragment } from "../rules.ts";

/** A change of one Service's rules. */
export interface FragmentChange {
  readonly before: Fragment;
  readonly after: Fragment;
}

/** Programs the kernel. All changes of one call take effect at once or not at all. */
export interface Backend {
  /** Replaces everything of ours by these fragments. */
  replace(fragments: Iterable<Fragment>, localAddresses: Iterable<string>): Promise<void>;
  apply(
    changes: readonly FragmentChange[],
    localAddresses: { readonly added: readonly string[]; readonly removed: readonly string[] },
  ): Promise<void>;
  /** False when somebody took ours away. */
  isIntact(): Promise<boolean>;
  /** Removes everything of ours. */
  cleanUp(): Promise<void>;
}
