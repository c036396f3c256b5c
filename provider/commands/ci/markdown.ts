/** GitHub accepts 65,536 characters. Counting bytes stays below that, because a character is at least one byte. */
export const maxBodyBytes = 60_000;

export function byteLength(string: string): number {
  return Buffer.byteLength(string, "utf8");
}

/** Formats lines as a Markdown code block of limited size. The fence is longer than any run of backticks in the lines, so that none can end it. */
export function codeBlock(lines: readonly string[], maxBytes: number): string {
  const longestRun = Math.max(
    2,
    ...lines.map((line) => Math.max(0, ...(line.match(/`+/g) ?? []).map((run) => run.length))),
  );
  const fence = "`".repeat(longestRun + 1);
  return [fence, ...omitMiddle(lines, maxBytes - 2 * fence.length - 200), fence].join("\n");
}

function omitMiddle(lines: readonly string[], maxBytes: number): string[] {
  const size = lines.reduce((sum, line) => sum + byteLength(line) + 1, 0);
  if (size <= maxBytes) return [...lines];
  const head: string[] = [];
  const tail: string[] = [];
  let start = 0;
  let end = lines.length;
  // The end gets the larger share, because it holds the errors and the summary.
  for (let left = maxBytes / 4; start < end; start += 1) {
    const line = lines[start] ?? "";
    left -= byteLength(line) + 1;
    if (left < 0) break;
    head.push(line);
  }
  for (let left = (maxBytes * 3) / 4; end > start; end -= 1) {
    const line = lines[end - 1] ?? "";
    left -= byteLength(line) + 1;
    if (left < 0) break;
    tail.unshift(line);
  }
  return [...head, `[… ${end - start} lines omitted, see the log …]`, ...tail];
}
