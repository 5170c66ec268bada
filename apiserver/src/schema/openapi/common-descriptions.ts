/** Of the fields that all objects have, which the models leave undescribed since they refer to types. */

export const objectMetadata =
  "Standard object's metadata: what it is called, how it is labelled, who owns it.";
export const listMetadata = "Standard list metadata: the version it was read at, and where it goes on.";

/** What a field is to an object of a kind; undefined for fields that are not the same everywhere. */
export function commonDescription(kind: string, field: string): string | undefined {
  switch (field) {
    case "metadata":
      return kind.endsWith("List") ? listMetadata : objectMetadata;
    case "spec":
      return `Specification of the ${kind}: what is wanted of it.`;
    case "status":
      return `Most recently observed status of the ${kind}; it is written by the system.`;
    default:
      return undefined;
  }
}
