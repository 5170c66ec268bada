import type { KubeObject } from "@coracle/shared/meta/object.ts";
import type { CachedObject } from "../watch/cache.ts";
import type { Kind } from "./kind.ts";
import { storageText } from "./storage-text.ts";

/** What a kind that was defined at run time does by itself, in one of its versions. */
export interface CustomKind {
  /** Its OpenAPI v3 schema. */
  readonly schema: Readonly<Record<string, unknown>>;
  /** Checks and prunes a body in place; rules on values come with validation. */
  readonly decode: (value: unknown) => {
    readonly object: Record<string, unknown>;
    readonly unknown: readonly string[];
    readonly error: string | undefined;
  };
  /** Stored objects as this version shows them: converted, pruned, with defaults. */
  readonly load: (
    items: readonly CachedObject[],
  ) => readonly CachedObject[] | Promise<readonly CachedObject[]>;
  /** An object of this version as it is stored. */
  readonly save: (object: KubeObject) => KubeObject | Promise<KubeObject>;
  /** Whether an object that was loaded is stored in a version that is not the stored one any more. */
  readonly isOutdated: (item: CachedObject) => boolean;
  /** Why nothing may be created just now. */
  readonly closed: () => string | undefined;
  /** A warning for every request, from a version that is on its way out. */
  readonly deprecation: string | undefined;
  /** Aborted when the version is no longer served. */
  readonly retired: AbortSignal;
}

/** Stored objects as a version of their kind shows them. */
export const loadItems = (
  kind: Kind,
  items: readonly CachedObject[],
): readonly CachedObject[] | Promise<readonly CachedObject[]> => kind.custom?.load(items) ?? items;

export async function loadItem(kind: Kind, item: CachedObject): Promise<CachedObject> {
  if (!kind.custom) return item;
  const [loaded] = await kind.custom.load([item]);
  return loaded ?? item;
}

/** The text of an object as it is stored. */
export const storedText = async (kind: Kind, object: KubeObject): Promise<string> =>
  storageText(kind.custom ? await kind.custom.save(object) : object);
