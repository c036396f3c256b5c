import { distance } from "fastest-levenshtein";

/**
 * The candidate that differs least from `name`, not counting capitals and separators, or `undefined` if more than `ratio` of its characters differ,
 * and more than one.
 */
export function findNearest(name: string, candidates: readonly string[], ratio = 1 / 3): string | undefined {
  const normalize = (text: string): string => text.replaceAll(/[-_\s]/g, "").toLowerCase();
  const nearest = candidates
    .map((candidate) => ({ candidate, edits: distance(normalize(name), normalize(candidate)) }))
    .sort((a, b) => a.edits - b.edits)[0];
  return nearest && nearest.edits <= Math.max(1, Math.floor(nearest.candidate.length * ratio))
    ? nearest.candidate
    : undefined;
}

/** Suggests the name that is nearest to an unknown one, or else lists all names. `list` is how the list starts: "The properties are". */
export function suggestName(name: string, names: readonly string[], list: string): string {
  const nearest = findNearest(name, names);
  return nearest === undefined ? `${list} ${names.join(", ")}` : `Did you mean ${nearest}?`;
}
