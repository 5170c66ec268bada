/** What the parts of this folder know of a definition. */
import type {
  CustomResourceDefinition,
  CustomResourceDefinitionVersion,
} from "@coracle/shared/api/generated/apiextensions-v1.ts";
import type { Convert } from "./conversion.ts";
import type { RuleTree } from "./schema/rules.ts";
import type { Schema } from "./schema/structural.ts";

/** A definition as it is served; replaced as a whole when it changes. */
export interface Definition {
  readonly crd: CustomResourceDefinition;
  /** Of the change that made it what it is: objects written before may have been written by other rules. */
  readonly revision: number;
  readonly versions: ReadonlyMap<string, VersionSchema>;
}

export interface VersionSchema {
  readonly version: CustomResourceDefinitionVersion;
  readonly schema: Schema;
  readonly rules: RuleTree | undefined;
  readonly hasDefaults: boolean;
}

/** What outlives changes of a definition, so that a watch goes on across them. */
export interface Holder {
  current: Definition;
  /** By version: aborted when it is no longer served. */
  readonly retire: Map<string, AbortController>;
  readonly convert: Convert;
}

export const storageName = ({ spec }: CustomResourceDefinition): string =>
  `${spec.names.plural}.${spec.group}`;

/** Of versions and groups, as objects name them. */
export const apiVersionOf = ({ spec }: CustomResourceDefinition, version: string): string =>
  `${spec.group}/${version}`;
