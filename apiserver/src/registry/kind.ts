import type { KubeObject } from "@coracle/shared/meta/object.ts";
import type { Store } from "../store/store.ts";
import type { CachedObject } from "../watch/cache.ts";
import type { UserInfo } from "../request.ts";
import type { CustomKind } from "./custom.ts";
import type { FieldError } from "./field.ts";

/** What a strategy may look at while it works on one write. */
export interface WriteContext {
  readonly user: UserInfo;
  readonly namespace: string;
  readonly dryRun: boolean;
  /** Wall clock, passed in so that tests can fix it. */
  readonly now: () => Date;
  /** Read access to other objects, from the watch cache: `lookup("services", "default", "web")`. */
  readonly lookup: (resource: string, namespace: string, name: string) => CachedObject | undefined;
  /** Every cached object of a storage resource, unordered, without copying. */
  readonly all: (resource: string) => Iterable<CachedObject>;
  /** For `allocate` and `release` only: reservations are objects of their own, created atomically. */
  readonly store: Pick<Store, "create" | "update" | "delete" | "get">;
  readonly warn: (message: string) => void;
  /** With which verb. */
  readonly verb: "create" | "update" | "patch" | "delete";
  /**
   * Asks for a further right, on a subresource of this kind that exists for that alone.
   * @returns why the user has it not, as a refused request would be told
   */
  readonly refusal: (ask: FurtherRight) => string | undefined;
  /** Subresource being written: "" for the main resource, "status", "scale", "ephemeralcontainers", … */
  readonly subresource: string;
}

export interface FurtherRight {
  readonly verb: string;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
}

/** Reservations made for one write. After the write exactly one of the two is called. */
export interface Allocation {
  /** The object is stored: let go of what only its old state needed. */
  commit(): Promise<void>;
  /** The object was not stored: give back what was reserved for it. */
  rollback(): Promise<void>;
}

/** A column of `kubectl get`, as in meta.k8s.io Table. `priority` 1 is shown with -o wide only. */
export interface Column {
  readonly name: string;
  readonly type: "string" | "integer" | "number" | "boolean" | "date";
  readonly format?: string | undefined;
  readonly description?: string | undefined;
  readonly priority?: 0 | 1 | undefined;
  readonly value: (object: never, now: Date) => string | number | boolean | null | undefined;
}

/** What happens on DELETE before the object is removed. */
export interface GracefulDelete {
  /** Seconds of grace for this object when the request names none; 0 removes at once. */
  readonly gracePeriodSeconds: (object: KubeObject, requested: number | undefined) => number;
}

/**
 * A resource, described once. Discovery, OpenAPI, tables, decoding, validation and the write pipeline all derive from this
 * and from the generated schema. Types of `T` are checked where a kind is declared (`defineKind<Pod>({...})`).
 */
export interface Kind {
  readonly group: string;
  /** Served versions, the preferred one first: `["v2", "v1"]` for autoscaling. */
  readonly versions: readonly string[];
  /**
   * The version stored, and seen by every strategy function below. Where two groups share a storage, the one that is not
   * the storage's own names it with its group (`core/v1` for events.k8s.io): it equals none of `versions`, so every body is converted.
   */
  readonly storageVersion: string;
  readonly kind: string;
  readonly listKind: string;
  readonly plural: string;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly namespaced: boolean;
  /** Storage name, `deployments.apps` or `pods`; two API groups may share it (core and events.k8s.io Event). */
  readonly storage: string;
  /** All of get, list, watch, create, update, patch, delete, deletecollection, unless named here. */
  readonly verbs?: readonly string[] | undefined;
  readonly nameRule: "dnsSubdomain" | "dnsLabel" | "dnsLabel1035" | "pathSegment";
  /** Fills in defaults; runs on every decoded body and must be idempotent. */
  readonly setDefaults?: ((object: never) => void) | undefined;
  readonly prepareForCreate?: ((object: never, ctx: WriteContext) => void) | undefined;
  /** Runs for updates of the main resource; restores what may not be written through it (status is restored by the registry when `status` is true). */
  readonly prepareForUpdate?: ((object: never, old: never, ctx: WriteContext) => void) | undefined;
  /** Runs for writes of /status. */
  readonly prepareForStatusUpdate?: ((object: never, old: never, ctx: WriteContext) => void) | undefined;
  readonly validate?: ((object: never, ctx: WriteContext) => FieldError[]) | undefined;
  readonly validateUpdate?: ((object: never, old: never, ctx: WriteContext) => FieldError[]) | undefined;
  /** What is accepted but advised against, for the client to read; on updates of the main resource and of scale too, with the old state. */
  readonly warnings?: ((object: never, old: undefined) => string[]) | undefined;
  /** Sent with every answer about a resource that one should no longer use. */
  readonly deprecation?: string | undefined;
  /** True: the registry keeps `status` out of main writes, and everything but `status` (and some metadata) out of /status writes. */
  readonly status: boolean;
  /** Clients may set `status` when they create (Node: the kubelet registers with it). */
  readonly statusOnCreate?: boolean | undefined;
  readonly validateStatusUpdate?:
    | ((object: never, old: never, ctx: WriteContext) => FieldError[])
    | undefined;
  /** `metadata.generation` is 1 at create and rises when anything but metadata and status changes. */
  readonly generation: boolean;
  /** Annotations count for the generation too (Deployment). */
  readonly generationOfAnnotations?: boolean | undefined;
  /** Metadata that a status write leaves as it is. */
  readonly metadataOutsideStatus?: readonly StatusFreeMetadata[] | undefined;
  readonly scale?: ScaleDescription | undefined;
  /** Paths of resources with `spec.finalizers`, graceful deletion and the like. */
  readonly gracefulDelete?: GracefulDelete | undefined;
  /** Field selectors beyond metadata.name and metadata.namespace, each with its value for an object. */
  readonly selectableFields: Readonly<Record<string, (object: never) => string>>;
  readonly columns: readonly Column[];
  /**
   * Work that needs other state and must be undone when the write fails afterwards: Service addresses and node ports.
   * Runs last before the store, on create and update (`old` set), on dry runs too (which reserve nothing).
   * @throws ApiError 422 when a wish cannot be met.
   */
  readonly allocate?: ((object: never, old: undefined, ctx: WriteContext) => Promise<Allocation>) | undefined;
  /** Lets go of an object's reservations; called when it has left the store (not on dry runs). */
  readonly release?: ((object: never, ctx: WriteContext) => Promise<void>) | undefined;
  /** Other served versions: to and from the storage version. */
  readonly convert?:
    | {
        readonly toStorage: (object: KubeObject, from: string) => KubeObject;
        readonly fromStorage: (object: KubeObject, to: string) => KubeObject;
      }
    | undefined;
  /** PUT and apply of a name that does not exist create it (upstream's AllowCreateOnUpdate: Lease, Endpoints, Service, RBAC, …). */
  readonly createOnUpdate?: boolean | undefined;
  /** False: an update must carry a resourceVersion (Lease, CSINode, PodDisruptionBudget, …). */
  readonly unconditionalUpdate?: boolean | undefined;
  /** DELETE answers with the deleted object instead of a Status. */
  readonly returnDeleted?: boolean | undefined;
  /** What a dependent does when its owner is deleted and the request names no propagationPolicy; "Background" unless given. */
  readonly defaultPropagation?: "Orphan" | "Background" | undefined;
  /** What a client is warned of that deletes without a propagationPolicy. */
  readonly propagationWarning?: string | undefined;
  /** Further subresources handled by code of their own (registry/subresources/): binding, eviction, log, exec, token, approval, … */
  readonly subresources?: readonly string[] | undefined;
  /** Runs on a copy of an object that a DELETE is about to mark or remove: it may add a finalizer. */
  readonly prepareForDelete?: ((object: never) => void) | undefined;
  /** Set for custom resources, whose versions are strangers to each other: each is written and read as itself. */
  readonly custom?: CustomKind | undefined;
  /** The kind as one of its versions has it, where versions differ in more than their schema. */
  readonly perVersion?: Readonly<Record<string, Kind>> | undefined;
  /** Set for what another server answers for. */
  readonly remote?: RemoteKind | undefined;
}

/** How discovery shows what another server has, in one version. */
export interface RemoteKind {
  readonly subresources: readonly RemoteSubresource[];
  /** The places of its group, and of the version in that; the largest come first. */
  readonly groupPriority: number;
  readonly versionPriority: number;
  /** The server does not answer just now. */
  readonly isStale: boolean;
  /** The same for all kinds of a version. */
  readonly documents?: RemoteDocuments | undefined;
}

export interface RemoteSubresource {
  readonly name: string;
  readonly verbs: readonly string[];
  readonly kind: { readonly group: string; readonly version: string; readonly kind: string };
}

/** What another server's OpenAPI documents say of one version. */
export interface RemoteDocuments {
  /** The hash of its part of v3, which is fetched from the server itself. */
  readonly v3?: string;
  /** Its part of v2. */
  readonly v2?:
    | { readonly paths: Record<string, unknown>; readonly definitions: Record<string, unknown> }
    | undefined;
}

export type StatusFreeMetadata = "labels" | "annotations" | "finalizers" | "ownerReferences";

export interface ScaleDescription {
  readonly specReplicas: (object: never) => number;
  readonly setReplicas: (object: never, replicas: number) => void;
  readonly statusReplicas: (object: never) => number;
  /** Label selector in string form, for `status.selector`. */
  readonly selector: (object: never) => string;
}

/** A kind as its file declares it; the rest is derived. */
export interface KindDeclaration<T> {
  readonly group?: string;
  readonly versions?: readonly string[];
  readonly storageVersion?: string;
  readonly kind: string;
  readonly plural?: string;
  readonly shortNames?: readonly string[];
  readonly categories?: readonly string[];
  readonly namespaced: boolean;
  readonly storage?: string;
  readonly verbs?: readonly string[];
  readonly nameRule?: Kind["nameRule"];
  readonly setDefaults?: (object: T) => void;
  readonly prepareForCreate?: (object: T, ctx: WriteContext) => void;
  readonly prepareForUpdate?: (object: T, old: T, ctx: WriteContext) => void;
  readonly prepareForStatusUpdate?: (object: T, old: T, ctx: WriteContext) => void;
  readonly validate?: (object: T, ctx: WriteContext) => FieldError[];
  readonly validateUpdate?: (object: T, old: T, ctx: WriteContext) => FieldError[];
  readonly warnings?: (object: T, old: T | undefined) => string[];
  readonly deprecation?: string;
  readonly status?: boolean;
  readonly statusOnCreate?: boolean;
  readonly createOnUpdate?: boolean;
  readonly unconditionalUpdate?: boolean;
  readonly returnDeleted?: boolean;
  readonly defaultPropagation?: Kind["defaultPropagation"];
  readonly propagationWarning?: string;
  readonly validateStatusUpdate?: (object: T, old: T, ctx: WriteContext) => FieldError[];
  readonly generation?: boolean;
  readonly generationOfAnnotations?: boolean;
  readonly metadataOutsideStatus?: Kind["metadataOutsideStatus"];
  readonly scale?: {
    specReplicas: (o: T) => number;
    setReplicas: (o: T, n: number) => void;
    statusReplicas: (o: T) => number;
    selector: (o: T) => string;
  };
  readonly gracefulDelete?: { gracePeriodSeconds: (object: T, requested: number | undefined) => number };
  readonly selectableFields?: Readonly<Record<string, (object: T) => string>>;
  readonly columns?: readonly ColumnDeclaration<T>[];
  readonly allocate?: (object: T, old: T | undefined, ctx: WriteContext) => Promise<Allocation>;
  readonly release?: (object: T, ctx: WriteContext) => Promise<void>;
  readonly convert?: Kind["convert"];
  readonly subresources?: readonly string[];
  readonly prepareForDelete?: (object: T) => void;
}
export type ColumnDeclaration<T> = Omit<Column, "value"> & {
  readonly value: (object: T, now: Date) => string | number | boolean | null | undefined;
};

/** Completes a declaration: plural, list kind, storage name, the columns Name and Age when none are given. */
export function defineKind<T>(d: KindDeclaration<T>): Kind {
  const group = d.group ?? "";
  const versions = d.versions ?? ["v1"];
  const plural = d.plural ?? `${d.kind.toLowerCase()}s`;
  const complete = {
    ...d,
    group,
    versions,
    storageVersion: d.storageVersion ?? versions[0] ?? "v1",
    plural,
    singular: d.kind.toLowerCase(),
    listKind: `${d.kind}List`,
    shortNames: d.shortNames ?? [],
    categories: d.categories ?? [],
    storage: d.storage ?? (group ? `${plural}.${group}` : plural),
    nameRule: d.nameRule ?? "dnsSubdomain",
    status: d.status ?? false,
    generation: d.generation ?? false,
    selectableFields: d.selectableFields ?? {},
    columns: d.columns ?? nameAndAge,
  };
  // The declared functions take T; the registry only ever hands them objects of this kind.
  return complete as unknown as Kind;
}

const nameAndAge: readonly ColumnDeclaration<KubeObject>[] = [
  { name: "Name", type: "string", format: "name", value: (o) => o.metadata.name },
  { name: "Age", type: "date", value: (o) => o.metadata.creationTimestamp },
];
