/** `latest`, or no tag and no digest, is pulled always. */
export function pullPolicyFor(image: string): "Always" | "IfNotPresent" {
  if (image === "" || image.includes("@")) return "IfNotPresent";
  const lastSegment = image.slice(image.lastIndexOf("/") + 1);
  const colon = lastSegment.indexOf(":");
  return colon < 0 || lastSegment.slice(colon + 1) === "latest" ? "Always" : "IfNotPresent";
}
