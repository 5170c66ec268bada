/** What a pass over a namespace's content found, and the conditions that say so in upstream's words. Pure. */
export interface Findings {
  discoveryFailure: string | undefined;
  readonly failures: string[];
  /** Objects left, by resource. */
  readonly remaining: Map<string, number>;
  /** Objects left that have this finalizer. */
  readonly finalizers: Map<string, number>;
}

export const emptyFindings = (): Findings => ({
  discoveryFailure: undefined,
  failures: [],
  remaining: new Map(),
  finalizers: new Map(),
});

interface Said {
  type: string;
  status: string;
  reason: string;
  message: string;
}

const say = (
  type: string,
  bad: boolean,
  [badReason, badMessage]: readonly [string, string],
  [goodReason, goodMessage]: readonly [string, string],
): Said => ({
  type,
  status: bad ? "True" : "False",
  reason: bad ? badReason : goodReason,
  message: bad ? badMessage : goodMessage,
});

const listed = (
  counts: ReadonlyMap<string, number>,
  print: (name: string, count: number) => string,
): string =>
  [...counts]
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, count]) => print(name, count))
    .join(", ");

export function contentConditions(f: Findings): Said[] {
  const contentFailures = f.discoveryFailure === undefined ? f.failures : [];
  return [
    say(
      "NamespaceDeletionDiscoveryFailure",
      f.discoveryFailure !== undefined,
      ["DiscoveryFailed", `Discovery failed for some groups, 1 failing: ${f.discoveryFailure ?? ""}`],
      ["ResourcesDiscovered", "All resources successfully discovered"],
    ),
    say(
      "NamespaceDeletionGroupVersionParsingFailure",
      false,
      ["GroupVersionParsingFailed", ""],
      ["ParsedGroupVersions", "All legacy kube types successfully parsed"],
    ),
    say(
      "NamespaceDeletionContentFailure",
      contentFailures.length > 0,
      [
        "ContentDeletionFailed",
        `Failed to delete all resource types, ${contentFailures.length} remaining: ${contentFailures.toSorted().join(", ")}`,
      ],
      ["ContentDeleted", "All content successfully deleted, may be waiting on finalization"],
    ),
    say(
      "NamespaceContentRemaining",
      f.remaining.size > 0,
      [
        "SomeResourcesRemain",
        `Some resources are remaining: ${listed(f.remaining, (r, n) => `${r.includes(".") ? r : `${r}.`} has ${n} resource instances`)}`,
      ],
      ["ContentRemoved", "All content successfully removed"],
    ),
    say(
      "NamespaceFinalizersRemaining",
      f.finalizers.size > 0,
      [
        "SomeFinalizersRemain",
        `Some content in the namespace has finalizers remaining: ${listed(f.finalizers, (name, n) => `${name} in ${n} resource instances`)}`,
      ],
      ["ContentHasNoFinalizers", "All content-preserving finalizers finished"],
    ),
  ];
}
