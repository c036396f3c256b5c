/** Lines that a message lists before it only counts the rest. */
const maxLines = 20;

/** The first lines, and how many more there are: "5 more errors". */
export function limitLines(lines: readonly string[], noun: string): string[] {
  const rest = lines.length - maxLines;
  return rest > 0 ? [...lines.slice(0, maxLines), `${rest} more ${noun}`] : [...lines];
}
