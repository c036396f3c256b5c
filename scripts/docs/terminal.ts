import { type IBufferCell, Terminal } from "@xterm/headless";

/** Consecutive characters with the same style. */
export interface Span {
  readonly text: string;
  /** Index in the terminal's palette. The default color is undefined. */
  readonly color?: number | undefined;
  readonly isBold?: boolean;
}

export type Line = readonly Span[];

/** The lines that a terminal shows for this output. The terminal is wide enough that no line wraps. */
export async function renderLines(output: string): Promise<Line[]> {
  const rows = output.split("\n");
  const terminal = new Terminal({
    cols: Math.max(2, ...rows.map((row) => row.length)),
    rows: rows.length,
    convertEol: true,
    allowProposedApi: true,
  });
  await new Promise<void>((resolve) => terminal.write(output, resolve));
  const lines = rows.map((_, row) => readLine(terminal, row));
  terminal.dispose();
  return lines;
}

function readLine(terminal: Terminal, row: number): Line {
  const line = terminal.buffer.active.getLine(row);
  const spans: Span[] = [];
  const end = line?.translateToString(true).length ?? 0;
  for (let column = 0; column < end; column++) {
    const cell = line?.getCell(column);
    if (cell === undefined) break;
    const span = { text: cell.getChars() || " ", color: colorOf(cell), isBold: cell.isBold() !== 0 };
    const last = spans.at(-1);
    if (last === undefined || last.color !== span.color || last.isBold !== span.isBold) spans.push(span);
    else spans[spans.length - 1] = { ...last, text: last.text + span.text };
  }
  return spans;
}

function colorOf(cell: IBufferCell): number | undefined {
  if (cell.isFgDefault()) return undefined;
  if (cell.isFgPalette()) return cell.getFgColor();
  throw new Error(`"${cell.getChars()}" has a 24-bit color, which is not supported.`);
}

export function plainText(line: Line): string {
  return line.map(({ text }) => text).join("");
}

/** Breaks a line at spaces so that no part is longer than `columns`. A longer word is broken as well. */
export function wrapLine(line: Line, columns: number): Line[] {
  const text = plainText(line);
  if (text.length <= columns) return [line];
  const indent = text.length - text.trimStart().length;
  const space = text.lastIndexOf(" ", columns);
  const [end, next] = space > indent ? [space, space + 1] : [columns, columns];
  return [sliceLine(line, 0, end), ...wrapLine(sliceLine(line, next, text.length), columns)];
}

/** The part of a line from one column to another, in its style. */
export function sliceLine(line: Line, from: number, to: number): Line {
  let start = 0;
  return line.flatMap((span) => {
    const text = span.text.slice(Math.max(0, from - start), Math.max(0, to - start));
    start += span.text.length;
    return text === "" ? [] : [{ ...span, text }];
  });
}
