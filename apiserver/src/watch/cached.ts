import type { KubeObject } from "@coracle/shared/meta/object.ts";
import type { ObjectKey } from "../store/store.ts";
import { withResourceVersion } from "./splice.ts";
import type { CachedObject } from "./types.ts";

/**
 * An object in the cache: its JSON as bytes outside of the JavaScript heap, parsed when somebody looks. A pod takes four
 * times its JSON when parsed, and most pods are only ever listed and watched as text.
 */
export class CachedState implements CachedObject {
  readonly key: ObjectKey;
  readonly revision: number;
  readonly #bytes: Buffer;
  readonly #pool: ParsedPool;
  #parsed: KubeObject | undefined;

  constructor(key: ObjectKey, revision: number, body: string, pool: ParsedPool) {
    this.key = key;
    this.revision = revision;
    this.#pool = pool;
    this.#bytes = exactBuffer(withResourceVersion(body, revision));
  }

  get object(): KubeObject {
    if (!this.#parsed) {
      this.#parsed = JSON.parse(this.#bytes.toString("utf8")) as KubeObject;
      this.#pool.keep(this);
    }
    return this.#parsed;
  }

  json(): Buffer {
    return this.#bytes;
  }

  get size(): number {
    return this.#bytes.length;
  }

  /** The same content at another revision. */
  at(revision: number): CachedState {
    const { resourceVersion: _, ...metadata } = this.object.metadata;
    return new CachedState(this.key, revision, JSON.stringify({ ...this.object, metadata }), this.#pool);
  }

  /** Drops the parsed form; it is made again when asked for. */
  forget(): void {
    this.#parsed = undefined;
  }
}

/** Buffers of Node's shared slab would keep whole slabs alive for one object. */
function exactBuffer(text: string): Buffer {
  const bytes = Buffer.allocUnsafeSlow(Buffer.byteLength(text));
  bytes.write(text);
  return bytes;
}

/** Bounds how many objects are held in parsed form: the older half is let go when the younger half is full. */
export class ParsedPool {
  readonly #limit: number;
  #young: CachedState[] = [];
  #old: CachedState[] = [];

  constructor(limit: number) {
    this.#limit = limit;
  }

  keep(state: CachedState): void {
    this.#young.push(state);
    if (this.#young.length < this.#limit / 2) return;
    for (const old of this.#old) old.forget();
    this.#old = this.#young;
    this.#young = [];
  }
}
