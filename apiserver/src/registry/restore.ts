import type { KubeObject } from "@coracle/shared/meta/object.ts";
import { clone } from "../patch/json.ts";
import type { Kind } from "./kind.ts";

/** Metadata that only the server writes is what it was, whatever the client sent. */
export function restoreMeta(kind: Kind, object: KubeObject, old: KubeObject, subresource: string): void {
  const { metadata } = object;
  const before = old.metadata;
  // Checked by now: what follows is shown the state that the write is made for.
  copyField(metadata, before, "resourceVersion", true);
  delete (metadata as { selfLink?: string }).selfLink;
  if (!metadata.name) metadata.name = before.name;
  if (!metadata.namespace) delete metadata.namespace;
  if (kind.namespaced) metadata.namespace ??= before.namespace;
  copyField(metadata, before, "generateName", !metadata.generateName);
  copyField(metadata, before, "uid", !metadata.uid);
  copyField(metadata, before, "creationTimestamp", !metadata.creationTimestamp);
  copyField(metadata, before, "deletionTimestamp", true);
  copyField(metadata, before, "deletionGracePeriodSeconds", true);
  copyField(metadata, before, "generation", true);
  if (subresource !== "status") return;
  for (const field of kind.metadataOutsideStatus ?? []) copyField(metadata, before, field, true);
}

function copyField<T extends object>(to: T, from: T, field: keyof T, when: boolean): void {
  if (!when) return;
  if (from[field] === undefined) delete to[field];
  else to[field] = clone(from[field]);
}

/** Keeps status out of main writes, and everything but status out of status writes. */
export function restoreForUpdate(kind: Kind, object: KubeObject, old: KubeObject, subresource: string): void {
  if (subresource === "status") {
    for (const field of Object.keys(object)) {
      if (field !== "status" && field !== "metadata" && field !== "kind" && field !== "apiVersion")
        delete object[field];
    }
    for (const [field, value] of Object.entries(old)) {
      if (field !== "status" && field !== "metadata" && field !== "kind" && field !== "apiVersion") {
        object[field] = clone(value);
      }
    }
    return;
  }
  if (!kind.status || subresource === "approval") return;
  if (old["status"] === undefined) delete object["status"];
  else object["status"] = clone(old["status"]);
}
