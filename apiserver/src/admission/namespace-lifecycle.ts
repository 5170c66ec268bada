import type { Namespace } from "@coracle/shared/api/generated/core-v1.ts";
import { ApiError, forbidden, notFound } from "@coracle/shared/errors.ts";
import { cached, nameOf, type AdmissionContext, type AdmissionPlugin, type Attributes } from "./plugin.ts";

const immortal = new Set(["default", "kube-system", "kube-public"]);
const namespaces = { group: "", resource: "namespaces" };

/** Nothing is made in a namespace that is absent or going; three namespaces cannot be deleted. */
export const namespaceLifecycle: AdmissionPlugin = {
  name: "NamespaceLifecycle",
  handles: (a) =>
    a.kind.storage === "namespaces"
      ? a.operation === "DELETE" && a.subresource === ""
      : a.namespace !== "" && a.operation !== "DELETE",
  mutate: check,
  validate(a, ctx) {
    // Deletes have no mutating phase; all else was checked there, before other plugins did their work.
    if (a.operation === "DELETE" || a.operation === "CONNECT") return check(a, ctx);
  },
};

function check(a: Attributes, ctx: AdmissionContext): void | Promise<void> {
  if (a.kind.storage === "namespaces") {
    if (immortal.has(a.name)) throw forbidden(namespaces, a.name, "this namespace may not be deleted");
    return;
  }
  const known = cached<Namespace>(ctx, "namespaces", "", a.namespace);
  if (known) return demandAlive(a, known);
  return checkStored(a, ctx);
}

/** The namespace may have been made a moment ago, through another replica. */
async function checkStored(a: Attributes, ctx: AdmissionContext): Promise<void> {
  const stored = await ctx.store.get({ resource: "namespaces", namespace: "", name: a.namespace });
  if (!stored) throw notFound(namespaces, a.namespace);
  demandAlive(a, JSON.parse(stored.body) as Namespace);
}

function demandAlive(a: Attributes, namespace: Namespace): void {
  if (a.operation !== "CREATE") return;
  if (namespace.status?.phase !== "Terminating" && !namespace.metadata.deletionTimestamp) return;
  const why = `unable to create new content in namespace ${a.namespace} because it is being terminated`;
  const refusal = forbidden({ group: a.kind.group, resource: a.kind.plural }, nameOf(a), why);
  throw new ApiError(refusal.code, refusal.reason, refusal.message, {
    ...refusal.status.details,
    causes: [
      {
        reason: "NamespaceTerminating",
        message: `namespace ${a.namespace} is being terminated`,
        field: "metadata.namespace",
      },
    ],
  });
}
