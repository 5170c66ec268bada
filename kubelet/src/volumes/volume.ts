/** What a type of volume is: where its files live, and what is in them. */
import type { ImageVolumeSource, Pod, Volume } from "@coracle/shared/api/generated/core-v1.ts";
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
  storage(path: string): NodePath;
  readonly images: VolumeImages;
}

/** Images as volumes. */
export interface VolumeImages {
  /** Puts an image's files into a directory, once it is there by its pull policy. @throws VolumePending while it is not */
  extract(volume: string, source: ImageVolumeSource, directory: string): Promise<void>;
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
  /** Fills it once, before the first container starts. */
  readonly fill?: ((context: VolumeContext, directory: string) => Promise<void>) | undefined;
}
/** A path of the node's storage, bound into containers. */
export interface PathBacked {
  readonly kind: "path";
  readonly readOnly: boolean;
  readonly resolve: (context: VolumeContext) => Promise<NodePath>;
}
/** A place on the node: as this process sees it and as the engine does. */
export interface NodePath {
  readonly here: string;
  readonly engine: string;
  /** Whether fsGroup applies to it. */
  readonly owned?: boolean | undefined;
}
/** Not to be had on this node. `why` is told as the reason of FailedMount. */
export interface Unsupported {
  readonly kind: "unsupported";
  readonly why: string;
}
export type VolumePlan = EngineBacked | PathBacked | Unsupported;

export interface VolumeType {
  readonly name: string;
  /** Undefined: not a volume of this type. */
  plan(volume: Volume, pod: Pod): VolumePlan | undefined;
}

/** A volume that cannot be set up now: FailedMount, and tried again. */
export class VolumeError extends Error {
  override readonly name = "VolumeError";
}

/** A volume that something else is still worked on for, which tells of itself. Not before `until` is it worth another look. */
export class VolumePending extends Error {
  override readonly name = "VolumePending";
  readonly until: number | undefined;
  constructor(until: number | undefined) {
    super("the volume is not ready yet");
    this.until = until;
  }
}
