/** What a type of volume is: where its files live, and what is in them. */
import type { Pod, Volume } from "@coracle/shared/api/generated/core-v1.ts";
import type { Client } from "@coracle/shared/client/client.ts";
import type { References } from "../container/env.ts";
import type { Addresses } from "../container/fields.ts";

/** A file of a projected volume, by its path below the volume. */
export interface VolumeFile {
  readonly data: Buffer;
  readonly mode: number;
  /** Owner, where it is not root. */
  readonly uid?: number | undefined;
}
export type Payload = ReadonlyMap<string, VolumeFile>;

export interface VolumeContext {
  readonly pod: Pod;
  readonly client: Client;
  readonly references: References;
  readonly addresses: Addresses;
  readonly allocatable: Readonly<Record<string, string>>;
  readonly node: string;
  readonly tokens: TokenSource;
  /** A directory or file of the node's own storage: as this process sees it and as the engine does. */
  storage(path: string): { readonly here: string; readonly engine: string };
}

export interface TokenSource {
  /** A token of the pod's service account; the same one until it is time for another. */
  token(pod: Pod, request: { audience: string; expirationSeconds: number }): Promise<string>;
  forget(uid: string): void;
  /** When the next token of the pod is due, on the steady clock. */
  renewAt(uid: string): number | undefined;
}

/** Held by the sandbox as a volume of the engine. `files` is what the kubelet keeps in it. */
export interface EngineBacked {
  readonly kind: "engine";
  readonly memory?: { readonly sizeBytes?: number | undefined } | undefined;
  /** A file system that the engine mounts from elsewhere. */
  readonly mount?: { readonly type: string; readonly device: string; readonly options: string } | undefined;
  /** Only the kubelet writes there: containers see it read-only. */
  readonly readOnly: boolean;
  readonly files?: ((context: VolumeContext) => Promise<Payload>) | undefined;
}
/** A path of the node's storage, bound into containers. */
export interface PathBacked {
  readonly kind: "path";
  readonly readOnly: boolean;
  /** Whether fsGroup applies to it. */
  readonly owned: boolean;
  readonly resolve: (context: VolumeContext) => Promise<{ readonly here: string; readonly engine: string }>;
}
export type VolumePlan = EngineBacked | PathBacked;

export interface VolumeType {
  readonly name: string;
  /** Undefined: not a volume of this type. */
  plan(volume: Volume, pod: Pod): VolumePlan | undefined;
}

/** A volume that cannot be set up now: FailedMount, and tried again. */
export class VolumeError extends Error {
  override readonly name = "VolumeError";
}
