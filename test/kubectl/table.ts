import type { Kubectl } from "../support/run.ts";

/** What the parts of the table need to know of the kubectl that they try. */
export interface Table {
  readonly cli: Kubectl;
  readonly ns: string;
  /** 35 of 1.35. */
  readonly minor: number;
  /** The node that this version cordons and drains, so that several versions can be tried at once. */
  readonly node: string;
  /** A folder for files; there once the tests run. */
  readonly folder: () => string;
}
