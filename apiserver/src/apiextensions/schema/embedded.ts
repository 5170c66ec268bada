/** Resources inside of resources: what every object of the API must be. */
import { clone, isObject, type JsonObject } from "../../patch/json.ts";
import { decodeObject } from "../../schema/decode.ts";
import { typeNode } from "../../schema/registry.ts";
import { invalidValue, required, type FieldError, type Path } from "../../registry/field.ts";
import { validateEmbeddedMeta } from "../../registry/meta.ts";
import { dnsLabel1035 } from "../../kinds/shared/names.ts";

const objectMeta = typeNode("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta");

function checkMetadataTypes(metadata: unknown, at: Path): FieldError[] {
  if (metadata === undefined || objectMeta?.kind !== "object") return [];
  // Decoding changes what it is given.
  const { error } = decodeObject(objectMeta, clone(metadata));
  return error === undefined ? [] : [invalidValue(at, metadata, error)];
}

/** @returns what is wrong with the apiVersion, kind and metadata of an embedded resource */
export function checkEmbedded(object: JsonObject, at: Path): FieldError[] {
  const errors: FieldError[] = [];
  const { apiVersion, kind, metadata } = object;
  if (!apiVersion) errors.push(required(at.child("apiVersion"), "must not be empty"));
  else if (typeof apiVersion !== "string" || apiVersion.split("/").length > 2) {
    errors.push(
      invalidValue(
        at.child("apiVersion"),
        apiVersion,
        `unexpected GroupVersion string: ${JSON.stringify(apiVersion)}`,
      ),
    );
  }
  if (!kind) errors.push(required(at.child("kind"), "must not be empty"));
  else if (typeof kind === "string") {
    for (const problem of dnsLabel1035(kind.toLowerCase())) {
      errors.push(
        invalidValue(at.child("kind"), kind, `may have mixed case, but should otherwise match: ${problem}`),
      );
    }
  }
  const wrongTypes = checkMetadataTypes(metadata, at.child("metadata"));
  if (wrongTypes.length > 0 || !isObject(metadata)) return [...errors, ...wrongTypes];
  return [...errors, ...validateEmbeddedMeta(metadata, at.child("metadata"))];
}
