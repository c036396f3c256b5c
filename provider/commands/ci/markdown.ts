/** GitHub accepts 65,536 characters. Counting bytes stays below that, because a character is at least one byte. */
export const maxBodyBytes = 60_000;

export function byteLength(string: string): number {
  return Buffer.byteLength(string, "utf8");
}

/** Formats lines as a Markdown code block of limited size. The fence is longer than any run of backticks in the lines, so that none can end it. */
export function codeBlock(lines: readonly string[], maxBytes: number, language = ""): string {
  const fence = "`".repeat(lines.reduce((longest, line) => Math.max(longest, longestRun(line)), 2) + 1);
  return [`${fence}${language}`, ...omitMiddle(lines, maxBytes - 2 * fence.length - 200), fence].join("\n");
}

/** Formats a string as inline code. No string can end it or start a mention, a link or HTML. */
export function codeSpan(string: string): string {
  const line = string.replaceAll(/\s+/g, " ").trim() || " ";
  const fence = "`".repeat(longestRun(line) + 1);
  const padding = fence.length > 1 ? " " : "";
  return `${fence}${padding}${line}${padding}${fence}`;
}

/** Formats the row of a table. No cell can start another one. */
export function tableRow(cells: readonly string[]): string {
  return `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
}

/** The length of the longest run of backticks. */
function longestRun(line: string): number {
  return Math.max(0, ...(line.match(/`+/g) ?? []).map((run) => run.length));
}

/** The end gets the larger share, because it holds the errors and the summary. */
function omitMiddle(lines: readonly string[], maxBytes: number): string[] {
  if (countFitting(lines, maxBytes) === lines.length) return [...lines];
  const start = countFitting(lines, maxBytes / 4);
  const rest = lines.slice(start).reverse();
  const tail = rest.slice(0, countFitting(rest, (maxBytes * 3) / 4)).reverse();
  return [...lines.slice(0, start), `[… ${rest.length - tail.length} lines omitted, see the log …]`, ...tail];
}

/** How many of the first lines fit. */
function countFitting(lines: readonly string[], maxBytes: number): number {
  let left = maxBytes;
  const end = lines.findIndex((line) => {
    left -= byteLength(line) + 1;
    return left < 0;
  });
  return end === -1 ? lines.length : end;
}
